#!/usr/bin/env python3
"""Run `ansible-test sanity` on what git tracks (and is not ignored), in a copy at the path that ansible-test demands.

    sanity.py [OPTION OF ansible-test sanity ...]

The copy lies in a temporary directory, away from this repository, where ansible-test would see only ignored files. The tests'
environments lie in .cache/sanity and are made once. ansible-test would download its own pip for them; here Python's bundled one is
used, so that only the package index is needed.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".cache" / "sanity"
# What the built collection does not hold either.
LEFT_OUT = (".collections/", "extensions/molecule/", "local_aws/", "tools/", "tests/")
KEPT = "tests/sanity/"

SKIPPED = (
    "import",  # wants every file to load without boto3; the action plugin loads late and says in a sentence what is missing
    *("changelog", "pep8", "yamllint"),  # `make lint` does these, with this project's own settings
)

# What the tests must find to import a module and compare it with its documentation.
VISIBLE = ("ansible_collections", "boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3")

# Stands where ansible-test keeps its download of get-pip.py, and takes the same arguments.
BOOTSTRAP = """\
import pathlib
import subprocess
import sys
import sysconfig

packages = [argument for argument in sys.argv[1:] if not argument.startswith("--no-")]
subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *packages], check=True)
pathlib.Path(sysconfig.get_path("purelib"), "zz_requirements.pth").write_text({visible!r} + "\\n")
"""


def copy(destination: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.split("\0"):
        source = ROOT / name
        if name and source.is_file() and (name.startswith(KEPT) or not name.startswith(LEFT_OUT)):
            target = destination / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def bootstrap(home: Path) -> None:
    """Put the substitute for get-pip.py where this version of ansible-test looks for it."""
    found = importlib.util.find_spec("ansible_test")
    assert found is not None and found.submodule_search_locations
    source = Path(found.submodule_search_locations[0]) / "_internal/python_requirements.py"
    cache = home / ".ansible/test/cache"
    cache.mkdir(parents=True, exist_ok=True)
    script = BOOTSTRAP.format(visible=str(home / "visible"))
    for version in re.findall(r"\bpip='([0-9.]+)'", source.read_text()):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(script)


def share_pip_settings(home: Path) -> None:
    """Keep a user's own package index, which pip reads from the home directory."""
    for name in (".config/pip", ".pip"):
        own = Path.home() / name
        link = home / name
        if own.exists() and not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(own)


def make_visible(directory: Path) -> None:
    """Link the packages of VISIBLE, and nothing else that could disturb the tests' own, into `directory`."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name in VISIBLE:
        (directory / name).symlink_to(Path(sysconfig.get_path("purelib")) / name)


def main() -> int:
    bootstrap(HOME)
    share_pip_settings(HOME)
    make_visible(HOME / "visible")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [
        "ansible-test",
        "sanity",
        "--color",
        "no",
        *(f"--skip-test={name}" for name in SKIPPED),
        "--python",
        version,
        *sys.argv[1:],
    ]
    environment = {
        **os.environ,
        "HOME": str(HOME),
        "PIP_QUIET": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    # The checkout's own settings lead to the checkout, not to the copy.
    environment.pop("ANSIBLE_CONFIG", None)
    with tempfile.TemporaryDirectory() as temporary:
        collection = Path(temporary) / "ansible_collections" / "agent_platform" / "aws"
        copy(collection)
        return subprocess.run(command, cwd=collection, env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
