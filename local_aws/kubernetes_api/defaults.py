"""What an API server adds to an object or refuses: enough of it that a second apply shows whether it is one."""

from __future__ import annotations

import base64
import copy
import ipaddress
import re
from collections.abc import Callable
from typing import Any

Object = dict[str, Any]
LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
# Kinds of which the name is a label of DNS.
SHORT = ("Namespace", "Service")
FIELDS_OF = {"fieldRef": {"apiVersion": "v1"}}


class Invalid(Exception):
    """422: the message says what is wrong."""


def complete(item: Object) -> Object:
    """A copy with every default set. Raises Invalid."""
    item = copy.deepcopy(item)
    name = item["metadata"].get("name") or ""
    longest, pattern = (63, LABEL) if item["kind"] in SHORT else (253, SUBDOMAIN)
    if not pattern.match(name) or len(name) > longest:
        raise Invalid(f'metadata.name: Invalid value: "{name}": a lowercase RFC 1123 name of at most {longest} characters')
    for key, value in (item["metadata"].get("labels") or {}).items():
        if (
            not isinstance(value, str)
            or len(value) > 63
            or (value and not re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", value))
        ):
            raise Invalid(
                f'metadata.labels: Invalid value: "{value}": a valid label of {key} has at most 63 of letters, digits, -, _ and .'
            )
    if rule := RULES.get(item["kind"]):
        rule(item)
    return item


def check_change(old: Object, new: Object) -> None:
    """Raises Invalid for what cannot change."""
    if old["kind"] == "Deployment" and old["spec"].get("selector") != new["spec"].get("selector"):
        raise Invalid("spec.selector: Invalid value: field is immutable")
    if old["kind"] == "Service" and old["spec"].get("clusterIP") != new["spec"].get("clusterIP"):
        raise Invalid("spec.clusterIP: Invalid value: field is immutable")
    if old["kind"] == "Job":
        for field in ("template", "selector", "completions"):
            if old["spec"].get(field) != new["spec"].get(field):
                raise Invalid(f"spec.{field}: Invalid value: field is immutable")


def _default(item: Object, **values: Any) -> None:
    for name, value in values.items():
        item.setdefault(name, copy.deepcopy(value))


def _namespace(item: Object) -> None:
    _default(item, spec={"finalizers": ["kubernetes"]}, status={"phase": "Active"})
    item["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = item["metadata"]["name"]


def _service(item: Object) -> None:
    spec = item["spec"]
    _default(
        spec,
        type="ClusterIP",
        sessionAffinity="None",
        internalTrafficPolicy="Cluster",
        ipFamilies=["IPv4"],
        ipFamilyPolicy="SingleStack",
    )
    # The same for the same name, so that a dry run answers what a write does.
    number = sum(ord(letter) * (place + 1) for place, letter in enumerate(item["metadata"]["name"])) % 65000 + 10
    _default(spec, clusterIP=f"172.20.{number // 250}.{number % 250 + 1}")
    _default(spec, clusterIPs=[spec["clusterIP"]])
    for port in spec.get("ports") or ():
        _default(port, protocol="TCP", targetPort=port["port"])
    _default(item, status={"loadBalancer": {}})


def _pod(spec: Object) -> None:
    _default(spec, restartPolicy="Always", dnsPolicy="ClusterFirst", schedulerName="default-scheduler", securityContext={})
    _default(spec, terminationGracePeriodSeconds=30)
    if "serviceAccountName" in spec:
        spec["serviceAccount"] = spec["serviceAccountName"]
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        latest = ":" not in container["image"].rsplit("/", 1)[-1] or container["image"].endswith(":latest")
        _default(container, imagePullPolicy="Always" if latest else "IfNotPresent", resources={})
        _default(container, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File")
        for port in container.get("ports") or ():
            _default(port, protocol="TCP")
        for probe in (container[name] for name in ("livenessProbe", "readinessProbe", "startupProbe") if name in container):
            _default(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            if "httpGet" in probe:
                _default(probe["httpGet"], scheme="HTTP", path="/")
        for variable in container.get("env") or ():
            if "fieldRef" in (variable.get("valueFrom") or {}):
                _default(variable["valueFrom"]["fieldRef"], apiVersion="v1")
    for volume in spec.get("volumes") or ():
        for source in (volume[name] for name in ("configMap", "secret") if name in volume):
            _default(source, defaultMode=420)


def _deployment(item: Object) -> None:
    spec = item["spec"]
    _default(spec, replicas=1, progressDeadlineSeconds=600, revisionHistoryLimit=10)
    _default(spec, strategy={"type": "RollingUpdate"})
    if spec["strategy"].get("type") == "RollingUpdate":
        _default(spec["strategy"], rollingUpdate={})
        _default(spec["strategy"]["rollingUpdate"], maxSurge="25%", maxUnavailable="25%")
    labels = spec["template"].get("metadata", {}).get("labels") or {}
    if not (spec["selector"].get("matchLabels") or {}).items() <= labels.items():
        raise Invalid("spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`")
    _pod(spec["template"]["spec"])
    _default(item, status={})


def _job(item: Object) -> None:
    spec = item["spec"]
    _default(spec, parallelism=1, completions=1, backoffLimit=6, completionMode="NonIndexed", suspend=False)
    if spec["template"]["spec"].get("restartPolicy") not in ("Never", "OnFailure"):
        raise Invalid('spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"')
    _pod(spec["template"]["spec"])
    _default(item, status={})


def identify(item: Object) -> None:
    """What follows from the uid of a new object: the labels by which a Job finds its pods."""
    if item["kind"] != "Job":
        return
    metadata, template = item["metadata"], item["spec"]["template"]
    marks = {"controller-uid": metadata["uid"], "job-name": metadata["name"]}
    marks |= {f"batch.kubernetes.io/{name}": value for name, value in marks.items()}
    template.setdefault("metadata", {}).setdefault("labels", {}).update(marks)
    item["spec"].setdefault("selector", {"matchLabels": {"batch.kubernetes.io/controller-uid": metadata["uid"]}})


def _secret(item: Object) -> None:
    _default(item, type="Opaque")
    if given := item.pop("stringData", None):
        coded = {name: base64.b64encode(value.encode()).decode() for name, value in given.items()}
        item["data"] = {**(item.get("data") or {}), **coded}


def _autoscaler(item: Object) -> None:
    spec = item["spec"]
    _default(spec, minReplicas=1)
    if spec["maxReplicas"] < spec["minReplicas"]:
        raise Invalid("spec.maxReplicas: Invalid value: must be greater than or equal to `minReplicas`")
    for rules in (spec.get("behavior") or {}).values():
        _default(rules, selectPolicy="Max")
    _default(item, status={"currentMetrics": None, "desiredReplicas": 0})


def _network_policy(item: Object) -> None:
    spec = item["spec"]
    _default(spec, policyTypes=["Ingress", *(["Egress"] if "egress" in spec else [])])
    for rule in (*(spec.get("ingress") or ()), *(spec.get("egress") or ())):
        for port in rule.get("ports") or ():
            _default(port, protocol="TCP")
        for peer in (*(rule.get("from") or ()), *(rule.get("to") or ())):
            for cidr in [peer["ipBlock"]["cidr"], *(peer["ipBlock"].get("except") or ())] if "ipBlock" in peer else ():
                try:
                    ipaddress.ip_network(cidr)
                except ValueError:
                    raise Invalid(f'spec: Invalid value: "{cidr}": must be a valid CIDR value') from None


def _quota(item: Object) -> None:
    hard = item.get("spec", {}).get("hard") or {}
    for name, value in hard.items():
        hard[name] = str(value)
    _default(item, status={})


def _limits(item: Object) -> None:
    for limit in item["spec"]["limits"]:
        if limit["type"] == "Container" and "default" in limit:
            _default(limit, defaultRequest=limit["default"])


def _budget(item: Object) -> None:
    if {"minAvailable", "maxUnavailable"} <= set(item["spec"]):
        raise Invalid("spec: Invalid value: minAvailable and maxUnavailable cannot be both set")
    _default(item, status={"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0})


RULES: dict[str, Callable[[Object], None]] = {
    "Namespace": _namespace,
    "Service": _service,
    "Secret": _secret,
    "Deployment": _deployment,
    "Job": _job,
    "HorizontalPodAutoscaler": _autoscaler,
    "NetworkPolicy": _network_policy,
    "ResourceQuota": _quota,
    "LimitRange": _limits,
    "PodDisruptionBudget": _budget,
}
