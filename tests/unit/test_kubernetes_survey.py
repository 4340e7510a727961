"""What stands beside what shall stand: comparison, releases, refusals, what kubernetes.core answers, and a cluster out of reach."""

from __future__ import annotations

import base64
import copy
import gzip
import json
import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes import answers, client, compare, releases
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes import objects as k8s
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.survey import Survey, at_work, belongs_to_others
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError
from support.kubernetes import FACTS, REGION, objects, parameters

from local_aws.kubernetes_api import authority

DEPLOYMENT = f"prod-{REGION}"
POLICY = "network_policy/agents/default-deny"
BUILT_IN = {
    kind.api_version: {one.kind for one in k8s.KINDS if one.api_version == kind.api_version}
    for kind in k8s.KINDS
    if not kind.release
}
EVERYTHING = {
    **BUILT_IN,
    **{kind.api_version: {one.kind for one in k8s.KINDS if one.api_version == kind.api_version} for kind in k8s.KINDS},
}


def stands(item, **metadata):
    """As an API server has it after an apply."""
    live = copy.deepcopy(item)
    live["metadata"] |= {"uid": "u-" + item["metadata"]["name"], "resourceVersion": "7", **metadata}
    live["metadata"]["annotations"] = {compare.LAST_APPLIED: json.dumps(item)}
    live["status"] = {"phase": "x"}
    return live


def survey(**changed):
    desired = list(objects().values())
    ours = {k8s.address(item): stands(item) for item in desired}
    return Survey(**{"deployment": DEPLOYMENT, "desired": desired, "ours": ours, "served": EVERYTHING, **changed})


class TestComparison:
    @pytest.fixture
    def pair(self):
        item = objects()["deployment/agents/agent"]
        return item, stands(item)

    def test_what_the_server_and_controllers_add_is_no_difference(self, pair):
        item, live = pair
        live["spec"]["replicas"] = 7
        live["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "IfNotPresent"
        live["metadata"]["labels"]["team"] = "x"
        assert compare.same(item, live)

    @pytest.mark.parametrize(
        "edit",
        [
            lambda live: live["spec"]["template"]["spec"]["containers"][0].update(image="x"),
            lambda live: live["spec"]["template"]["spec"]["containers"].append({"name": "sidecar", "image": "x"}),
            lambda live: live["spec"]["template"]["spec"]["nodeSelector"].update(zone="a"),
            lambda live: live["metadata"]["labels"].pop(k8s.DEPLOYMENT),
            lambda live: live["metadata"].pop("annotations"),
            lambda live: live["metadata"]["annotations"].update({compare.LAST_APPLIED: "{"}),
            lambda live: live["metadata"]["annotations"].update({compare.LAST_APPLIED: '{"spec": {"gone": 1}}'}),
        ],
    )
    def test_an_edit_is_one(self, pair, edit):
        item, live = pair
        edit(live)
        assert not compare.same(item, live)

    def test_what_is_too_many_in_what_is_wholly_ours_is_sent_as_a_null(self):
        item = objects()[POLICY]
        live = stands(item)
        live["spec"]["podSelector"] = {"matchLabels": {"x": "y"}}
        live["spec"]["egress"] = [{}]
        assert compare.sent(item, live)["spec"] == {**item["spec"], "podSelector": {"matchLabels": None}, "egress": None}
        # What was sent so is in the note of what was applied, and no difference.
        live = stands(item)
        live["metadata"]["annotations"][compare.LAST_APPLIED] = json.dumps({**item, "spec": {**item["spec"], "egress": None}})
        assert compare.same(item, live) and compare.sent(item, live) == item

    def test_differences_are_told_by_path(self):
        before = {
            "metadata": {"name": "n", "uid": "1", "labels": {"a": "b"}},
            "spec": {"list": [{"x": 1}], "gone": True},
            "status": {"s": 1},
        }
        after = {
            "metadata": {"name": "n", "uid": "2", "labels": {"a": "c"}},
            "spec": {"list": [{"x": 2}], "new": 5},
            "status": {"s": 2},
        }
        assert compare.changes(before, after) == [
            {"field": "labels.a", "old": "b", "new": "c"},
            {"field": "spec.gone", "old": True, "new": None},
            {"field": "spec.list[0].x", "old": 1, "new": 2},
            {"field": "spec.new", "old": None, "new": 5},
        ]


class TestSurvey:
    def test_nothing_to_do(self):
        plan = survey().plan({})
        assert (plan.actions, plan.refusals, plan.warnings, plan.kept) == ([], [], [], {})

    def test_only_what_the_server_would_really_change_is_planned(self):
        found = survey()
        where = "resource_quota/agents/quota"
        found.ours[where]["spec"]["hard"]["requests.cpu"] = "100000m"
        assert [k8s.address(item) for item in found.work()] == [where]
        assert found.plan({where: found.ours[where]}).actions == []
        (action,) = found.plan({where: found.desired[[k8s.address(i) for i in found.desired].index(where)]}).actions
        assert (action.verb, action.address) == ("update", where)

    def test_a_kind_comes_with_its_release_or_is_held_back(self):
        nothing = survey(ours={}, served=BUILT_IN)
        assert len(nothing.plan({}).warnings) == 3 and all("kubernetes_helm_releases" in line for line in nothing.held_back())
        wanted = releases.desired(parameters("prod")["helm_releases"], FACTS)
        coming = survey(ours={}, served=BUILT_IN, releases=wanted)
        assert coming.held_back() == [] and {action.verb for action in coming.plan({}).actions} == {"create"}
        assert len(coming.plan({}).actions) == len(coming.desired) + 4

    def test_what_went_out_of_the_configuration_is_deleted_from_the_last_made_to_the_first(self):
        found = survey(desired=[])
        order = [item["kind"] for item in found.abandoned()]
        assert order[0] == "ScaledObject" and set(order[-3:]) == {"Namespace"} and len(order) == len(objects())
        found.crowded["agents"] = ["Secret theirs"]
        plan = found.plan({})
        assert plan.kept == {"namespace/agents": "Secret theirs in it is somebody else's"}
        assert "agents" not in [item["metadata"]["name"] for item in found.deletable() if item["kind"] == "Namespace"]

    @pytest.mark.parametrize(
        ("item", "theirs"),
        [
            ({"kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt"}}, False),
            ({"kind": "ServiceAccount", "metadata": {"name": "default"}}, False),
            ({"kind": "Event", "metadata": {"name": "x"}}, False),
            ({"kind": "Pod", "metadata": {"name": "x", "ownerReferences": [{}]}}, False),
            ({"kind": "ConfigMap", "metadata": {"name": "x", "labels": k8s.owned(DEPLOYMENT)}}, False),
            ({"kind": "ConfigMap", "metadata": {"name": "x", "labels": k8s.owned("other")}}, True),
            ({"kind": "PersistentVolumeClaim", "metadata": {"name": "x"}}, True),
        ],
    )
    def test_whose_a_thing_in_a_namespace_is(self, item, theirs):
        assert belongs_to_others(item, DEPLOYMENT) is theirs

    def test_what_belongs_to_another_deployment_is_neither_taken_nor_adopted(self):
        item = objects()[POLICY]
        other = {**item, "metadata": {**item["metadata"], "labels": k8s.owned("other")}}
        found = survey(desired=[item], ours={}, others={POLICY: other})
        assert "belongs to deployment other" in found.plan({}).refusals[0].reason
        assert "belongs to deployment other" in found.adoption().refusals[0].reason and found.adoption().actions == []

    def test_the_ground_moves_with_what_stands(self):
        def grounds(edit):
            found = survey()
            found.ours[POLICY]["spec"]["policyTypes"] = ["Ingress"]
            edit(found.ours[POLICY])
            return found.ground(found.plan({POLICY: objects()[POLICY]}))

        first = grounds(lambda live: None)
        assert grounds(lambda live: live["metadata"].update(resourceVersion="9")) == first
        assert grounds(lambda live: live["spec"].update(podSelector={"matchLabels": {"a": "b"}})) != first
        assert grounds(lambda live: live["metadata"].update(uid="other")) != first


def helm(name="keda", namespace="keda", version=1, status="deployed", chart="2.17.2", config=None, began=None):
    """The Secret that Helm writes for a revision."""
    release = {
        "name": name,
        "namespace": namespace,
        "version": version,
        "info": {"status": status, "last_deployed": began},
        "chart": {"metadata": {"name": name, "version": chart}},
        "config": config,
    }
    packed = base64.b64encode(gzip.compress(json.dumps(release).encode()))
    metadata = {"name": f"sh.helm.release.v1.{name}.v{version}", "namespace": namespace}
    return {"metadata": metadata, "data": {"release": base64.b64encode(packed).decode()}}


class TestReleases:
    def wanted(self, **entry):
        return releases.desired([{"name": "keda", "version": "2.17.2", **entry}], FACTS)[0]

    def changes(self, release, *secrets):
        return Survey(DEPLOYMENT, releases=[release], standing=releases.observed(secrets)).release_changes(release)

    def test_one_that_stands_as_it_shall(self):
        release = self.wanted()
        assert self.changes(release, helm(config=release.values)) == []

    def test_the_latest_revision_counts(self):
        release = self.wanted()
        old, new = helm(version=9, chart="2.16.0", config={}), helm(version=10, config=release.values)
        assert self.changes(release, new, old) == [] == self.changes(release, old, new)

    @pytest.mark.parametrize(
        ("secret", "fields"),
        [
            ({"chart": "2.16.0"}, ["version"]),
            ({"config": {"a": 1}}, ["values"]),
            ({"status": "failed"}, ["status"]),
            ({"status": "pending-install"}, ["status"]),
        ],
    )
    def test_what_differs_is_told(self, secret, fields):
        release = self.wanted()
        assert [change["field"] for change in self.changes(release, helm(**{"config": release.values, **secret}))] == fields

    def test_one_that_is_not_there_is_made_with_everything(self):
        assert [change["field"] for change in self.changes(self.wanted(), helm(namespace="elsewhere"))] == [
            "chart",
            "version",
            "values",
        ]

    def test_what_helm_did_not_write_is_passed_over(self):
        assert releases.observed([{"data": {"release": "x"}}, {"data": {}}, {"metadata": {}}]) == {}

    def test_a_pending_one_is_left_alone_as_long_as_helm_may_be_at_work_on_it(self):
        began = "2026-11-01T12:00:00.123456789+01:00"
        pending = releases.stuck([helm(version=1), helm(version=2, status="pending-upgrade", began=began)])
        (one,) = pending.values()
        assert one.secret == {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "sh.helm.release.v1.keda.v2", "namespace": "keda"},
        }
        for second, busy in ((0, True), (659, True), (661, False)):
            now = datetime(2026, 11, 1, 11, 0, tzinfo=UTC) + timedelta(seconds=second)
            assert bool(at_work(pending, "10m", now)) == busy, second
        assert at_work(pending, "forever", now), "what cannot be reckoned is waited for"
        assert not at_work(releases.stuck([helm(status="pending-install", began="")]), "10m", now)

    @pytest.mark.parametrize("status", ["deployed", "failed", "superseded", "uninstalling"])
    def test_no_other_is_pending(self, status):
        assert releases.stuck([helm(version=1, status="pending-install"), helm(version=2, status=status)]) == {}

    @pytest.mark.parametrize(
        ("text", "seconds"), [("10m", 600), ("1h2m3s", 3723), ("1.5h", 5400), ("", float("inf")), ("10", float("inf"))]
    )
    def test_durations_of_helm(self, text, seconds):
        assert releases.seconds(text) == seconds

    def test_own_values_go_over_the_known_ones(self):
        release = self.wanted(values={"operator": {"replicaCount": 3}, "extra": True})
        assert release.values["operator"] == {"replicaCount": 3} and release.values["extra"] is True
        assert release.values["serviceAccount"]["operator"]["name"] == "keda-operator"

    @pytest.mark.parametrize(
        ("name", "account"),
        [
            ("aws-load-balancer-controller", "kube-system/aws-load-balancer-controller"),
            ("cluster-autoscaler", "kube-system/cluster-autoscaler"),
            ("karpenter", "kube-system/karpenter"),
            ("external-secrets", "external-secrets/external-secrets"),
            ("keda", "keda/keda-operator"),
        ],
    )
    def test_service_accounts_are_those_that_the_eks_tier_binds(self, name, account):
        import yaml
        from support.kubernetes import ROOT

        bound = yaml.safe_load((ROOT / "roles/eks/defaults/main.yml").read_text())["eks_service_accounts"]
        (release,) = releases.desired([{"name": name, "version": "1"}], FACTS)
        assert account in bound.values() and account.split("/")[0] == release.namespace
        assert account.split("/")[1] in json.dumps(release.values)


class TestAnswers:
    ITEMS = ({"kind": "Namespace", "metadata": {"name": "a"}}, {"kind": "Namespace", "metadata": {"name": "b"}})

    def test_what_went_wrong_with_one_is_told_by_its_address_in_the_servers_words(self):
        bad = {"error": {"msg": 'Failed to apply object: b\'{"kind":"Status","message":"it is\\ninvalid"}\''}}
        after, failures = answers.read({"result": {"results": [{"result": {"x": 1}}, bad]}}, self.ITEMS, "apply")
        assert after == {"namespace/a": {"x": 1}}
        assert failures["namespace/b"].startswith("could not apply namespace/b: ") and "invalid" in failures["namespace/b"]

    def test_a_single_one_is_answered_by_itself(self):
        assert answers.read({"result": {"x": 1}}, self.ITEMS[:1], "apply") == ({"namespace/a": {"x": 1}}, {})
        assert "no way" in answers.read({"failed": True, "msg": "no way"}, self.ITEMS[:1], "apply")[1]["namespace/a"]

    def test_a_call_that_did_not_come_about(self):
        with pytest.raises(EngineError, match="could not apply 2 objects in the cluster: no library"):
            answers.read({"failed": True, "msg": "no library"}, self.ITEMS, "apply")


def test_a_certificate_without_key_identifiers_is_trusted_as_eks_has_it(monkeypatch):
    """Whatever this Python asks for by itself."""
    made = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda **given: strict(made(**given)))
    certificate = base64.b64encode(authority.make("127.0.0.1")[0].encode()).decode()
    context = client.Cluster("prod-agent-platform", "https://127.0.0.1", certificate, "token")._context
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def strict(context):
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def test_a_cluster_out_of_reach_is_told_in_a_sentence_with_the_ways_out():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening: refused at once
        endpoint = f"https://127.0.0.1:{taken.getsockname()[1]}"
        certificate = base64.b64encode(authority.make("127.0.0.1")[0].encode()).decode()
        with pytest.raises(EngineError) as caught:
            client.Cluster("prod-agent-platform", endpoint, certificate, "token").reach()
    assert "the API of the cluster prod-agent-platform" in str(caught.value) and endpoint in str(caught.value)
    assert (
        "execution node" in str(caught.value)
        and "kubernetes_tunnel_address" in str(caught.value)
        and "eks_public_access_cidrs" in str(caught.value)
    )
