"""The small Kubernetes API of the local AWS's clusters: what it takes, adds, refuses, and whom it lets in."""

from __future__ import annotations

import base64
import datetime
import urllib.parse

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError
from support.kubernetes_api import Api, definition, token

from local_aws.kubernetes_api import authority, tokens
from local_aws.kubernetes_api.store import merged

MERGE = "application/merge-patch+json"
MAPS = "/api/v1/namespaces/agents/configmaps"
APPS = "/apis/apps/v1/namespaces/agents/deployments"


@pytest.fixture
def api(client, eks_cluster):
    eks_cluster()
    found = Api.of(client("eks"), "main")
    found.create("/api/v1/namespaces", {"metadata": {"name": "agents", "labels": {"team": "x"}}})
    return found


def deployment(**spec):
    pods = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": "x:1", "ports": [{"containerPort": 80}]}]},
    }
    return {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": pods, **spec}}


class TestTokens:
    def refused(self, api, given):
        status, body = Api(api.endpoint, api.authority, given).call("GET", "/version")
        assert status == 401 and body["kind"] == "Status", body
        return body["message"]

    def test_a_good_one_is_let_in(self, api):
        assert api.get("/version")["major"] == "1"

    def test_one_for_another_cluster_or_by_another_key_is_not(self, api):
        assert "not one of testing for the cluster main" in self.refused(api, token("other"))
        assert "not one of testing for the cluster main" in self.refused(api, token("main", "testing", "guessed"))

    def test_a_key_that_is_not_known_here_is_held_to_the_form(self, api):
        assert Api(api.endpoint, api.authority, token("main", "AKIAUNKNOWN", "x")).call("GET", "/version")[0] == 200

    def test_another_form_is_not(self, api):
        assert "k8s-aws-v1." in self.refused(api, "abc")
        assert "padded" in self.refused(api, token("main") + "=")
        url = base64.urlsafe_b64decode(token("main").removeprefix("k8s-aws-v1.") + "==").decode()

        def changed(old, new):
            assert old in url
            return "k8s-aws-v1." + base64.urlsafe_b64encode(url.replace(old, new).encode()).decode().rstrip("=")

        assert "is not signed" in self.refused(api, changed(urllib.parse.quote(";x-k8s-aws-id"), ""))
        assert "no call of GetCallerIdentity" in self.refused(api, changed("GetCallerIdentity", "GetSessionToken"))
        assert "no call of GetCallerIdentity" in self.refused(api, changed("sts.us-east-1.amazonaws.com", "127.0.0.1:80"))
        assert "expired" in self.refused(api, changed("X-Amz-Expires=60", "X-Amz-Expires=3600"))

    def test_an_old_one_has_expired(self):
        hour_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
        with pytest.raises(tokens.Refused, match="expired"):
            tokens._check_time({"X-Amz-Date": hour_ago.strftime(tokens.TIME), "X-Amz-Expires": "60"})


class TestObjects:
    def test_discovery_tells_what_is_served(self, api):
        groups = {group["name"] for group in api.get("/apis")["groups"]}
        assert {"apps", "networking.k8s.io", "autoscaling", "policy"} <= groups and "keda.sh" not in groups
        kinds = {resource["kind"]: resource for resource in api.get("/api/v1")["resources"]}
        assert kinds["ConfigMap"]["namespaced"] and not kinds["Namespace"]["namespaced"]

    def test_a_definition_brings_its_kind_and_takes_it_away(self, api):
        path = "/apis/keda.sh/v1alpha1/namespaces/agents/scaledobjects"
        assert api.call("GET", path)[0] == 404
        defined = api.create(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            definition("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects"),
        )
        api.create(path, {"metadata": {"name": "one"}, "spec": {"any": "thing"}})
        assert set(api.items(path)) == {"one"}
        name = defined["metadata"]["name"]
        assert api.call("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")[0] == 200
        assert api.call("GET", path)[0] == 404

    def test_what_the_server_adds(self, api):
        made = api.create(APPS, deployment())
        assert {"uid", "resourceVersion", "creationTimestamp", "generation"} <= set(made["metadata"])
        container = made["spec"]["template"]["spec"]["containers"][0]
        assert made["spec"]["replicas"] == 1 and made["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == "25%"
        assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}] and container["imagePullPolicy"] == "IfNotPresent"
        service = api.create("/api/v1/namespaces/agents/services", {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}})
        assert service["spec"]["clusterIP"].startswith("172.20.") and service["spec"]["ports"][0]["targetPort"] == 80

    def test_a_change_counts_and_the_same_again_does_not(self, api):
        api.create(APPS, deployment())
        first = api.get(f"{APPS}/d")
        status, same = api.call("PATCH", f"{APPS}/d", {"spec": {"replicas": 1}}, MERGE)
        assert (status, same) == (200, first)
        status, more = api.call("PATCH", f"{APPS}/d", {"spec": {"replicas": 2}}, MERGE)
        assert more["metadata"]["generation"] == 2 and more["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]
        assert api.call("PATCH", f"{APPS}/d", {}, "application/strategic-merge-patch+json")[0] == 415

    def test_a_deployment_comes_about_in_its_time_or_tells_in_a_pod_why_not(self, api, aws):
        aws.settings.transitions = {"kubernetes_deployment": 60}
        api.create(APPS, deployment(replicas=2))
        assert api.get(f"{APPS}/d")["status"]["unavailableReplicas"] == 2
        aws.skip(60)
        status = api.get(f"{APPS}/d")["status"]
        assert (status["availableReplicas"], status["observedGeneration"]) == (2, 1) and "unavailableReplicas" not in status
        aws.settings.failures = {"kubernetes_deployment": "ImagePullBackOff: no such image"}
        assert api.get(f"{APPS}/d")["status"] == status, "what stands goes on"
        api.call("PATCH", f"{APPS}/d", {"spec": {"replicas": 3}}, MERGE)
        (pod,) = api.items("/api/v1/namespaces/agents/pods?labelSelector=a%3Db").values()
        (container,) = pod["status"]["containerStatuses"]
        assert container["state"] == {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
        assert api.get(f"{APPS}/d")["status"]["unavailableReplicas"] == 3
        assert api.call("DELETE", f"{APPS}/d")[0] == 200 and api.items("/api/v1/namespaces/agents/pods") == {}

    def test_a_status_is_not_the_clients_to_write(self, api):
        api.create(APPS, deployment())
        before = api.get(f"{APPS}/d")["status"]
        api.call("PATCH", f"{APPS}/d", {"status": {"availableReplicas": 9}}, MERGE)
        assert api.get(f"{APPS}/d")["status"] == before

    def test_but_at_its_own_path_as_controllers_do(self, api):
        pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "x:1"}]}, "status": {"phase": "Pending"}}
        api.create("/api/v1/namespaces/agents/pods", pod)
        path = "/api/v1/namespaces/agents/pods/p"
        status, item = api.call("PATCH", f"{path}/status", {"status": {"phase": "Running"}, "spec": {"x": 1}}, MERGE)
        assert (status, item["status"]) == (200, {"phase": "Running"}) and "x" not in api.get(path)["spec"]

    def test_a_dry_run_answers_and_changes_nothing(self, api):
        status, made = api.call("POST", f"{APPS}?dryRun=All", deployment())
        assert status == 201 and made["spec"]["replicas"] == 1 and api.items(APPS) == {}
        api.create(APPS, deployment())
        assert api.call("PATCH", f"{APPS}/d?dryRun=All", {"spec": {"replicas": 5}}, MERGE)[1]["spec"]["replicas"] == 5
        assert api.call("DELETE", f"{APPS}/d?dryRun=All")[0] == 200
        assert api.get(f"{APPS}/d")["spec"]["replicas"] == 1

    @pytest.mark.parametrize(
        ("selector", "found"),
        [("team=x", True), ("team=y", False), ("team", True), ("!team", False), ("team!=x", False), ("team=x,a=b", False)],
    )
    def test_label_selectors(self, api, selector, found):
        assert ("agents" in api.items(f"/api/v1/namespaces?labelSelector={urllib.parse.quote(selector)}")) is found

    def test_lists_of_one_namespace_and_of_all(self, api):
        api.create(MAPS, {"metadata": {"name": "one"}, "data": {}})
        api.create("/api/v1/namespaces/default/configmaps", {"metadata": {"name": "two"}, "data": {}})
        assert set(api.items(MAPS)) == {"one"} and set(api.items("/api/v1/configmaps")) == {"one", "two"}

    def test_a_namespace_goes_with_its_contents(self, api):
        api.create(MAPS, {"metadata": {"name": "one"}, "data": {}})
        assert api.call("DELETE", "/api/v1/namespaces/agents")[0] == 200
        assert api.items("/api/v1/configmaps") == {} and api.call("POST", MAPS, {"metadata": {"name": "one"}})[0] == 404

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            (MAPS, {"metadata": {"name": "Bad"}}, 422),
            (MAPS, {"metadata": {"name": "x", "labels": {"a": "b c"}}}, 422),
            (MAPS, {"metadata": {"name": "x", "namespace": "other"}}, 400),
            (MAPS, {"kind": "Secret", "metadata": {"name": "x"}}, 400),
            ("/api/v1/namespaces/missing/configmaps", {"metadata": {"name": "x"}}, 404),
            (APPS, deployment(selector={"matchLabels": {"other": "x"}}), 422),
            (
                "/apis/networking.k8s.io/v1/namespaces/agents/networkpolicies",
                {"metadata": {"name": "p"}, "spec": {"podSelector": {}, "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.1/8"}}]}]}},
                422,
            ),
            (
                "/apis/autoscaling/v2/namespaces/agents/horizontalpodautoscalers",
                {"metadata": {"name": "h"}, "spec": {"minReplicas": 3, "maxReplicas": 2}},
                422,
            ),
            ("/apis/keda.sh/v1alpha1/namespaces/agents/scaledobjects", {"metadata": {"name": "x"}}, 404),
        ],
    )
    def test_refused(self, api, path, body, status):
        assert api.call("POST", path, body)[0] == status

    def test_what_cannot_change(self, api):
        api.create(APPS, deployment())
        change = {"spec": {"selector": {"matchLabels": {"a": None, "c": "d"}}, "template": {"metadata": {"labels": {"c": "d"}}}}}
        assert api.call("PATCH", f"{APPS}/d", change, MERGE)[0] == 422
        assert api.call("POST", APPS, deployment())[0] == 409
        old = api.get(f"{APPS}/d")
        api.call("PATCH", f"{APPS}/d", {"spec": {"replicas": 2}}, MERGE)
        assert api.call("PUT", f"{APPS}/d", old)[0] == 409


def test_merge_patches():
    """The examples of RFC 7386, appendix A, that its rules differ in."""
    for old, change, new in (
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ):
        assert merged(old, change) == new


class TestState:
    def test_it_goes_with_snapshots_and_with_its_cluster(self, api, aws, client):
        copy = aws.snapshot()
        api.create(MAPS, {"metadata": {"name": "one"}, "data": {}})
        aws.restore(copy)
        assert api.items(MAPS) == {} and "agents" in api.items("/api/v1/namespaces")
        client("eks").delete_cluster(name="main")
        assert api.call("GET", "/version")[0] == 404

    def test_switched_off_an_endpoint_leads_nowhere(self, api, aws, client):
        aws.settings.kubernetes_api = False
        assert client("eks").describe_cluster(name="main")["cluster"]["endpoint"].endswith(".eks.amazonaws.com")


def test_another_cluster_can_stand_behind_it(api, aws, tmp_path):
    """What a kubeconfig names is asked in its user's name: here one more server of the same kind, which says who asked."""
    import json
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    asked = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.command, self.path, self.headers["Authorization"], self.headers.get("Content-Type"), body))
            content = json.dumps({"kind": "Status", "code": 409} if self.command == "POST" else {"items": []}).encode()
            self.send_response(409 if self.command == "POST" else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = answer

        def log_message(self, *_arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other:
        threading.Thread(target=other.serve_forever, args=(0.05,), daemon=True).start()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            "clusters": [{"name": "x", "cluster": {"server": f"http://127.0.0.1:{other.server_port}"}}],
            "users": [{"name": "x", "user": {"token": "theirs"}}],
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(config))
        aws.settings.kubeconfig = str(tmp_path / "kubeconfig")
        assert api.get("/api/v1/namespaces?labelSelector=a%3Db") == {"items": []}
        assert api.call("POST", MAPS, {"metadata": {"name": "x"}})[0] == 409
        assert api.call("PATCH", f"{MAPS}/x", {"data": None}, MERGE)[0] == 200
        assert Api(api.endpoint, api.authority, "no").call("GET", "/version")[0] == 401
        other.shutdown()
    assert [(method, path, who) for method, path, who, *_rest in asked] == [
        ("GET", "/api/v1/namespaces?labelSelector=a%3Db", "Bearer theirs"),
        ("POST", MAPS, "Bearer theirs"),
        ("PATCH", f"{MAPS}/x", "Bearer theirs"),
    ]
    assert asked[2][3:] == (MERGE, b'{"data": null}')


class TestTheCollectionsClient:
    """As the kubernetes tier signs, reads, and says what stands in the way."""

    @pytest.fixture
    def reach(self, api, monkeypatch):
        from ansible_collections.agent_platform.aws.plugins.module_utils.aws import eks_token
        from ansible_collections.agent_platform.aws.plugins.module_utils.aws.session import Connection
        from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.client import Cluster

        def cluster(name="main", authority=api.authority, endpoint_url="http://127.0.0.1:9"):
            monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
            connection = Connection({"region": "us-east-1", "endpoint_url": endpoint_url})
            return Cluster("main", api.endpoint, base64.b64encode(authority.encode()).decode(), eks_token.token(connection, name))

        return cluster

    def test_it_is_let_in_whatever_endpoint_of_aws_is_configured(self, reach):
        cluster = reach()
        cluster.reach()
        assert cluster.get("/version")["major"] == "1" and cluster.get("/api/v1/namespaces/missing") is None
        assert cluster.served(["apps/v1", "keda.sh/v1alpha1"]) == {"apps/v1": {"Deployment"}, "keda.sh/v1alpha1": set()}
        assert not cluster.has_custom_metrics()

    def test_a_caller_whom_the_cluster_does_not_know(self, reach):
        with pytest.raises(EngineError, match=r"the cluster main does not know this caller: .* eks_access_entries"):
            reach(name="other").get("/version")

    def test_a_server_that_is_another(self, reach):
        with pytest.raises(EngineError, match=r"could not read /version of the cluster main: .*certificate"):
            reach(authority=authority.make("127.0.0.1")[0]).get("/version")

    def test_everything_in_a_namespace_is_listed(self, reach, api):
        api.create(MAPS, {"metadata": {"name": "one"}, "data": {}})
        api.create(APPS, deployment())
        found = {(item["kind"], item["metadata"]["name"]) for item in reach().contents("agents")}
        assert found == {("ConfigMap", "one"), ("Deployment", "d")}
