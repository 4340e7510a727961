"""A cluster's API as a person with the right token sees it: signed and asked here by means of our own, none of the product's.

``python -m support.kubernetes_api CLUSTER PATH...`` prints lists of objects.
"""

from __future__ import annotations

import base64
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import boto3

# What the charts of the releases would bring: API version -> kind -> plural.
CUSTOM = {
    ("external-secrets.io", "v1"): {"SecretStore": "secretstores", "ExternalSecret": "externalsecrets"},
    ("elbv2.k8s.aws", "v1beta1"): {"TargetGroupBinding": "targetgroupbindings"},
    ("keda.sh", "v1alpha1"): {"TriggerAuthentication": "triggerauthentications", "ScaledObject": "scaledobjects"},
    ("karpenter.k8s.aws", "v1"): {"EC2NodeClass": "ec2nodeclasses"},
    ("karpenter.sh", "v1"): {"NodePool": "nodepools"},
}
CLUSTER_WIDE = {"EC2NodeClass", "NodePool"}


def token(cluster: str, access_key: str = "testing", secret_key: str = "testing") -> str:
    sts = boto3.Session(access_key, secret_key, region_name="us-east-1").client(
        "sts", config=boto3.session.Config(ignore_configured_endpoint_urls=True)
    )
    sts.meta.events.register(
        "before-sign.sts.GetCallerIdentity", lambda request, **_: request.headers.add_header("x-k8s-aws-id", cluster)
    )
    url = sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


@dataclass
class Api:
    """``endpoint`` and ``authority`` (PEM) as EKS describes them. ``server_name``: whose certificate it has to be, where that is
    not the endpoint's."""

    endpoint: str
    authority: str
    token: str
    server_name: str = ""

    @classmethod
    def of(cls, eks: Any, cluster: str) -> Api:
        shown = eks.describe_cluster(name=cluster)["cluster"]
        return cls(shown["endpoint"], base64.b64decode(shown["certificateAuthority"]["data"]).decode(), token(cluster))

    def call(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> tuple[int, Any]:
        status, text = self.read(path, method, body, content_type)
        return status, json.loads(text)

    def read(self, path: str, method: str = "GET", body: Any = None, content_type: str = "application/json") -> tuple[int, str]:
        """The answer as it is, which for a log is no JSON."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        request = urllib.request.Request(self.endpoint + path, data=data, headers=headers, method=method)
        context = ssl.create_default_context(cadata=self.authority)
        if self.server_name:
            plain, name = context.wrap_socket, self.server_name
            context.wrap_socket = lambda raw, server_hostname=None, **more: plain(raw, server_hostname=name, **more)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def get(self, path: str) -> Any:
        status, body = self.call("GET", path)
        assert status == 200, body
        return body

    def items(self, path: str) -> dict[str, Any]:
        """Name -> object of a list."""
        return {item["metadata"]["name"]: item for item in self.get(path)["items"]}

    def create(self, path: str, body: Any) -> Any:
        status, answer = self.call("POST", path, body)
        assert status == 201, answer
        return answer

    def define(self) -> None:
        """The kinds that the releases bring, served."""
        for (group, version), kinds in CUSTOM.items():
            for kind, plural in kinds.items():
                body = definition(group, version, kind, plural)
                status, answer = self.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body)
                assert status in (201, 409), answer
        end = time.monotonic() + 60
        while any(self.call("GET", f"/apis/{group}/{version}")[0] != 200 for group, version in CUSTOM):
            assert time.monotonic() < end, "the kinds are not served"
            time.sleep(1)


def definition(group: str, version: str, kind: str, plural: str) -> dict[str, Any]:
    anything = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Cluster" if kind in CLUSTER_WIDE else "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [{"name": version, "served": True, "storage": True, "schema": anything}],
        },
    }


if __name__ == "__main__":
    # Of the cluster that is named, each list that is: name -> object.
    cluster, *paths = sys.argv[1:]
    api = Api.of(boto3.client("eks"), cluster)
    print(json.dumps([api.items(path) for path in paths]))
