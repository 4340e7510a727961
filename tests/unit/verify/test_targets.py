"""What the states of a target group's targets say."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.verify.model import NotExercised
from ansible_collections.agent_platform.aws.plugins.module_utils.verify.way_in import healthy


def group(*states):
    return {"TargetGroupName": "prod-ingress", "Health": list(states), "HealthCheckPath": "/healthz", "Port": 8080}


def test_without_any_pod_it_says_that_nobody_is_served():
    cause = healthy(group(), True)
    for words in ("target group prod-ingress", "nothing answers users", "playbooks/kubernetes.yml", "kubectl -n agents get pods"):
        assert words in cause


def test_where_no_pod_is_to_be_none_is_no_failure():
    with pytest.raises(
        NotExercised, match=r"no pod is registered in target group prod-ingress.*verify_pods says that none is to be"
    ):
        healthy(group(), False)
    assert "none of 1 targets" in healthy(group("unhealthy"), False)


def test_one_healthy_pod_is_enough_and_none_is_a_failure():
    assert healthy(group("healthy", "unhealthy"), True) is None
    cause = healthy(group("unhealthy", "initial"), True)
    assert "none of 2 targets of target group prod-ingress is healthy (initial, unhealthy)" in cause
