# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs: the agent behind the load balancer, and the consumers of the queues.

Facts: Kubernetes, "Pod Security Standards" (restricted), "Pod Topology Spread Constraints", "Horizontal Pod Autoscaling"; AWS
Load Balancer Controller, "TargetGroupBinding"; KEDA, "AWS SQS Queue" and "AWS (EKS) Pod Identity" (``provider: aws``: the operator
asks the queues, by its own identity).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..reconcile.unknown import UNKNOWN_TEXT
from .external_secrets import names as secret_names
from .objects import APP, Object, make

SETTINGS = "platform"
SECRETS_PATH = "/var/run/secrets/platform"
AUTHORITIES = "database-authorities"
AUTHORITIES_PATH, AUTHORITIES_FILE = "/etc/platform/database", "ca.pem"
# Of a pod: what its settings were when it was made. A pod reads its environment once, so that other settings need other pods.
MADE_WITH = "agent-platform.io/settings"
ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
IDENTITY = "aws-pod-identity"
# Of the group that pods run as; any but root's.
USER = 10001


def config_map(params: Mapping[str, Any], facts: Mapping[str, Any]) -> Object:
    """Where everything is, as environment variables. Nothing in it is secret."""
    data = {
        "PLATFORM_ENVIRONMENT": facts["environment"],
        "AWS_REGION": facts["region"],
        "AWS_STS_REGIONAL_ENDPOINTS": "regional",
        "SECRETS_PATH": SECRETS_PATH,
        **{f"TABLE_{_upper(name)}": value for name, value in facts["tables"].items()},
        **{f"BUCKET_{_upper(name)}": value for name, value in facts["buckets"].items()},
        **{f"TOPIC_ARN_{_upper(name)}": value for name, value in facts["topics"].items()},
        **{f"QUEUE_URL_{_upper(name)}": value for name, value in facts["queues"].items()},
    }
    if facts.get("database_endpoint"):
        data.update(DATABASE_HOST=facts["database_endpoint"], DATABASE_PORT="5432", DATABASE_NAME=params["database_name"])
        data["DATABASE_SSLMODE"] = "verify-full"
        if params["authorities"]:
            data["DATABASE_SSLROOTCERT"] = f"{AUTHORITIES_PATH}/{AUTHORITIES_FILE}"
    if facts.get("redis_endpoint"):
        data.update(REDIS_HOST=facts["redis_endpoint"], REDIS_PORT="6379", REDIS_TLS="true")
    return make("ConfigMap", SETTINGS, params["namespace"], {"data": {name: str(value) for name, value in data.items()}})


def authorities(params: Mapping[str, Any]) -> Iterable[Object]:
    """The certificates that RDS's are held to, where they are given."""
    if params["authorities"]:
        yield make("ConfigMap", AUTHORITIES, params["namespace"], {"data": {AUTHORITIES_FILE: params["authorities"]}})


def agent(params: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterable[Object]:
    name, namespace, port = params["agent_name"], params["namespace"], params["agent_port"]
    health = {"path": params["agent_health_path"], "port": "http"}
    container = {
        **_container(params, facts, name, params["agent_image"], params["agent_resources"]),
        "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}],
        # A model may take a while to load; until then it is neither killed nor asked.
        "startupProbe": {"httpGet": health, "periodSeconds": 5, "failureThreshold": 60},
        "readinessProbe": {"httpGet": health, "periodSeconds": 5, "failureThreshold": 3, "timeoutSeconds": 2},
        "livenessProbe": {"httpGet": health, "periodSeconds": 15, "failureThreshold": 4, "timeoutSeconds": 5},
        # The load balancer goes on sending for some seconds after a pod has begun to stop.
        "lifecycle": {"preStop": {"sleep": {"seconds": 15}}},
    }
    pods = {
        **_pod(params, name, params["agent_service_account"], container),
        "nodeSelector": dict(params["agent_node_selector"]),
        "tolerations": [dict(item) for item in params["agent_tolerations"]],
        "terminationGracePeriodSeconds": params["agent_grace_seconds"],
    }
    yield make("Deployment", name, namespace, {"spec": _deployment(name, pods, params, facts)}, {APP: name})
    port_of_service = {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}
    yield make("Service", name, namespace, {"spec": {"selector": {APP: name}, "ports": [port_of_service]}}, {APP: name})
    yield make("PodDisruptionBudget", name, namespace, _budget(name), {APP: name})
    yield make("HorizontalPodAutoscaler", name, namespace, {"spec": _autoscaler(params, facts)}, {APP: name})
    binding = {
        "targetGroupARN": facts["target_group_arn"],
        "targetType": "ip",
        "serviceRef": {"name": name, "port": "http"},
    }
    yield make("TargetGroupBinding", name, namespace, {"spec": binding}, {APP: name})


def consumers(params: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterable[Object]:
    """Each a Deployment that KEDA scales on the length of its queues, to none while they are empty if that is allowed."""
    namespace = params["namespace"]
    if params["consumers"]:
        yield make("TriggerAuthentication", IDENTITY, namespace, {"spec": {"podIdentity": {"provider": "aws"}}})
    for consumer in params["consumers"]:
        name = consumer["name"]
        container = {
            **_container(params, facts, name, consumer["image"], consumer["resources"]),
            "args": [f"--queue={queue}" for queue in consumer["queues"]],
        }
        pods = _pod(params, name, consumer["service_account"], container)
        # What it is working on is finished: SQS shows it to nobody else for that long.
        pods["terminationGracePeriodSeconds"] = consumer["grace_seconds"]
        yield make("Deployment", name, namespace, {"spec": _deployment(name, pods, params, facts)}, {APP: name})
        yield make("PodDisruptionBudget", name, namespace, _budget(name), {APP: name})
        yield make("ScaledObject", name, namespace, {"spec": _scaled(consumer, facts)}, {APP: name})


def _scaled(consumer: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    def trigger(queue: str) -> dict[str, Any]:
        metadata = {
            "queueURL": facts["queues"][queue],
            "queueLength": str(consumer["messages_per_pod"]),
            "activationQueueLength": "0",
            "awsRegion": facts["region"],
        }
        return {"type": "aws-sqs-queue", "metadata": metadata, "authenticationRef": {"name": IDENTITY}}

    return {
        "scaleTargetRef": {"name": consumer["name"]},
        "minReplicaCount": consumer["min_replicas"],
        "maxReplicaCount": consumer["max_replicas"],
        "pollingInterval": 15,
        "cooldownPeriod": 300,
        "triggers": [trigger(queue) for queue in consumer["queues"]],
    }


def _autoscaler(params: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """On processor and memory and, where the cluster serves it, on what the agent is asked for: a metric that cannot be read would
    keep the autoscaler from ever scaling down.
    """
    used = {"cpu": params["agent_cpu_percent"], "memory": params["agent_memory_percent"]}
    metrics: list[dict[str, Any]] = [
        {"type": "Resource", "resource": {"name": name, "target": {"type": "Utilization", "averageUtilization": percent}}}
        for name, percent in used.items()
    ]
    metric = params["agent_request_metric"]
    if metric.get("name") and facts["custom_metrics"]:
        target = {"type": "AverageValue", "averageValue": str(metric["average_value"])}
        metrics.append({"type": "Pods", "pods": {"metric": {"name": metric["name"]}, "target": target}})

    def rule(pods: int, seconds: int) -> dict[str, Any]:
        steps = [{"type": "Pods", "value": pods, "periodSeconds": 60}]
        return {"stabilizationWindowSeconds": seconds, "selectPolicy": "Max", "policies": steps}

    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": params["agent_name"]},
        "minReplicas": params["agent_min_replicas"],
        "maxReplicas": params["agent_max_replicas"],
        "metrics": metrics,
        "behavior": {
            "scaleUp": rule(params["agent_scale_up_pods"], 0),
            "scaleDown": rule(params["agent_scale_down_pods"], params["agent_scale_down_seconds"]),
        },
    }


def _deployment(name: str, pods: Mapping[str, Any], params: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """How many there are is the autoscaler's to say."""
    labels, made_with = {APP: name}, {MADE_WITH: _digest(config_map(params, facts)["data"], params["authorities"])}
    return {
        "selector": {"matchLabels": {APP: name}},
        "revisionHistoryLimit": 5,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {"metadata": {"labels": labels, "annotations": made_with}, "spec": dict(pods)},
    }


def _digest(*settings: Any) -> str:
    """Not known as long as one of them is not."""
    text = json.dumps(settings, sort_keys=True)
    return UNKNOWN_TEXT if UNKNOWN_TEXT in text else hashlib.sha256(text.encode()).hexdigest()[:16]


def _budget(name: str) -> dict[str, Any]:
    return {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": {APP: name}}}}


def _pod(params: Mapping[str, Any], name: str, account: str, container: Mapping[str, Any]) -> dict[str, Any]:
    def spread(key: str) -> dict[str, Any]:
        selector = {"matchLabels": {APP: name}}
        return {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": selector}

    # Files, not variables: what is rotated is read anew without a restart.
    secrets = [{"name": secret, "secret": {"secretName": secret}} for secret in secret_names(params)]
    configured = [{"name": AUTHORITIES, "configMap": {"name": AUTHORITIES}}] if params["authorities"] else []
    return {
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [spread(ZONE), spread(HOST)],
        "containers": [dict(container)],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}, *secrets, *configured],
    }


def _container(
    params: Mapping[str, Any], facts: Mapping[str, Any], name: str, image: str, resources: Mapping[str, Any]
) -> dict[str, Any]:
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]
    mounts += [{"name": secret, "mountPath": f"{SECRETS_PATH}/{secret}", "readOnly": True} for secret in secret_names(params)]
    if params["authorities"]:
        mounts.append({"name": AUTHORITIES, "mountPath": AUTHORITIES_PATH, "readOnly": True})
    return {
        "name": name,
        "image": image if _has_registry(image) else f"{facts['registry']}/{image}",
        "envFrom": [{"configMapRef": {"name": SETTINGS}}],
        "resources": {kind: dict(values) for kind, values in resources.items()},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def _has_registry(image: str) -> bool:
    first, slash, _rest = image.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")


def _upper(name: str) -> str:
    return name.upper().replace("-", "_")
