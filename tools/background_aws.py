#!/usr/bin/env python3
"""Start or stop a local AWS that outlives the command that started it.

    background_aws.py start [--name NAME] [--url URL]     prints the URL; one that answers already is used as it is
    background_aws.py restart [--name NAME] [--url URL]   the same, but the one of that name that this tool started is ended first
    background_aws.py stop [--name NAME]

When nobody calls it for half an hour, it ends by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local_aws"
PATIENCE = 60.0  # seconds until a server that does not answer counts as failed


def answers(url: str) -> bool:
    address = urlsplit(url)
    with contextlib.suppress(OSError), socket.create_connection((address.hostname, address.port or 80), timeout=2):
        return True
    return False


def stop(name: str) -> None:
    """End the server of that name, if this tool started it and it still runs."""
    note = STATE / f"{name}.json"
    if not note.exists():
        return
    pid = json.loads(note.read_text())["pid"]
    # The number may belong to another program by now.
    ps = ["ps", "-o", "command=", "-p", str(pid)]
    if "-m local_aws" in subprocess.run(ps, capture_output=True, text=True, check=False).stdout:
        os.kill(pid, signal.SIGTERM)
        while "-m local_aws" in subprocess.run(ps, capture_output=True, text=True, check=False).stdout:
            time.sleep(0.1)
    note.unlink()


def start(name: str, url: str | None, *options: str) -> str:
    """Return the URL of a server that answers; raises SystemExit with its last words when it does not come up.

    ``options``: more of ``python -m local_aws``, for one that is started.
    """
    if url and answers(url):
        return url
    STATE.mkdir(exist_ok=True)
    log = STATE / f"{name}.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "local_aws", "--port", str(urlsplit(url).port if url else 0), *options],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + PATIENCE
    while not (ready := [line for line in log.read_text().splitlines() if line.startswith("local AWS listening on ")]):
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            raise SystemExit(f"the local AWS did not come up; its last words:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)
    url = ready[0].split()[-1]
    (STATE / f"{name}.json").write_text(json.dumps({"pid": server.pid, "url": url}))
    return url


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["start", "restart", "stop"])
    parser.add_argument("--name", default="default")
    parser.add_argument("--url", help="where it listens; a free port of 127.0.0.1 by default")
    arguments = parser.parse_args()
    if arguments.verb != "start":
        stop(arguments.name)
    if arguments.verb != "stop":
        print(start(arguments.name, arguments.url))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
