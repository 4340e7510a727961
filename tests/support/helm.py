"""In Helm's place where there is none: does with a chart what the tests look for, and notes it as Helm notes a release.

``python -m support.helm`` with the arguments and the environment that kubernetes.core.helm gives Helm. It knows the kinds that the
charts bring. Appends to ``HELM_TEST_LOG`` what it was asked for, and what stood by then. With ``HELM_TEST_DIES`` it is killed in
the middle, as if it had begun ``HELM_TEST_BEGAN_AGO`` seconds before.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import signal
import sys
import time
from pathlib import Path

import yaml

from .kubernetes_api import CUSTOM, Api, definition

BRINGS = {"external-secrets": "external-secrets.io", "keda": "keda.sh", "aws-load-balancer-controller": "elbv2.k8s.aws"}


def wrapper(path: Path) -> Path:
    """An executable file that is this program."""
    tests = Path(__file__).resolve().parents[1]
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{tests}" exec "{sys.executable}" -m support.helm "$@"\n')
    path.chmod(0o755)
    return path


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    options = dict(word.split("=", 1) for word in sys.argv[1:] if word.startswith("-") and "=" in word)
    if words[0] == "version":
        print('version.BuildInfo{Version:"v3.17.0", GitCommit:"", GoVersion:""}')
    elif words[:2] == ["show", "chart"]:
        print(yaml.safe_dump({"name": words[2], "version": options["--version"]}))
    elif words[0] == "list":
        print("[]")
    elif words[0] == "upgrade":
        values = yaml.safe_load(Path(options["-f"]).read_text())
        upgrade(words[-2], words[-1], options["--version"], os.environ["HELM_NAMESPACE"], values)


def upgrade(name: str, chart: str, version: str, namespace: str, values: dict) -> None:
    api = Api(os.environ["HELM_KUBEAPISERVER"], Path(os.environ["HELM_KUBECAFILE"]).read_text(), os.environ["HELM_KUBETOKEN"])
    api.server_name = os.environ.get("HELM_KUBETLS_SERVER_NAME", "")
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    before = [one["metadata"]["labels"] for one in api.items(f"{secrets}?labelSelector=owner%3Dhelm,name%3D{name}").values()]
    last = max(before, key=lambda labels: int(labels["version"]), default={"status": "", "version": "0"})
    revision = 1 + int(last["version"])
    with open(os.environ["HELM_TEST_LOG"], "a", encoding="utf-8") as log:
        stood = sorted(api.items("/apis/networking.k8s.io/v1/networkpolicies"))
        asked = {"name": name, "chart": chart, "version": version, "arguments": sys.argv[1:], "stood": stood}
        asked |= {"server": api.endpoint, "name_of_server": api.server_name}
        log.write(json.dumps(asked) + "\n")
    if last["status"].startswith("pending-"):
        sys.exit("Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress")
    if "fail" in values:
        sys.exit("Error: chart does not become ready")
    status = "pending-install" if revision == 1 else "pending-upgrade"
    note = {"name": name, "namespace": namespace, "version": revision, "config": values}
    note |= {"chart": {"metadata": {"name": chart, "version": version}}}
    labels = {"owner": "helm", "name": name, "version": str(revision)}
    metadata = {"name": f"sh.helm.release.v1.{name}.v{revision}"}

    def noted(status: str) -> dict:
        began = time.time() - float(os.environ.get("HELM_TEST_BEGAN_AGO", "0"))
        # As Go writes it, in nanoseconds.
        moment = time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime(began))
        content = json.dumps({**note, "info": {"status": status, "last_deployed": moment}}).encode()
        packed = base64.b64encode(base64.b64encode(gzip.compress(content))).decode()
        return {"metadata": {**metadata, "labels": {**labels, "status": status}}, "data": {"release": packed}}

    api.create(secrets, {**noted(status), "type": "helm.sh/release.v1"})
    if "HELM_TEST_DIES" in os.environ:
        os.kill(os.getpid(), signal.SIGKILL)
    for (group, api_version), kinds in CUSTOM.items():
        for kind, plural in kinds.items() if group == group_of(name) else ():
            body = definition(group, api_version, kind, plural)
            code, answer = api.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body)
            assert code in (201, 409), answer
    code, answer = api.call("PATCH", f"{secrets}/{metadata['name']}", noted("deployed"), "application/merge-patch+json")
    assert code == 200, answer


def group_of(name: str) -> str:
    return BRINGS.get(name, "")


if __name__ == "__main__":
    main()
