"""Patches to Application Auto Scaling."""

from __future__ import annotations

from typing import Any

from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend, FakeApplicationAutoscalingPolicy
from moto.core.exceptions import JsonRESTError
from moto.dynamodb.models import dynamodb_backends

from local_aws.patches import patch, wrap


def _unknown(what: str) -> JsonRESTError:
    return JsonRESTError("ObjectNotFoundException", f"No {what}")


@patch
def targets_are_checked() -> None:
    """AWS refuses (ValidationException) a target whose DynamoDB table or index does not exist, a new one without both bounds, and
    a minimum above the maximum. moto takes it."""

    @wrap(ApplicationAutoscalingBackend, "register_scalable_target")
    def register_scalable_target(original: Any, self: Any, namespace: str, r_id: str, dimension: str, **bounds: Any) -> Any:
        if namespace == "dynamodb":
            _kind, name, *index = r_id.split("/")
            table = dynamodb_backends[self.account_id][self.region_name].tables.get(name)
            if table is None or (index and index[-1] not in {item.name for item in table.global_indexes}):
                raise AWSValidationException(f"DynamoDB {'index' if index else 'table'} does not exist: {r_id}")
        known = self.targets.get(dimension, {}).get(r_id)
        low, high = (
            getattr(known, name, None) if bounds.get(name) is None else bounds[name] for name in ("min_capacity", "max_capacity")
        )
        if low is None or high is None or low > high:
            raise AWSValidationException(f"Minimum capacity {low} and maximum capacity {high} do not fit together")
        return original(self, namespace, r_id, dimension, **bounds)


@patch
def policies_belong_to_a_target() -> None:
    """AWS refuses a policy without its target, deletes a target's policies and their alarms with it, and says
    ObjectNotFoundException of what does not exist. moto keeps the policies, and says ValidationException."""

    @wrap(ApplicationAutoscalingBackend, "put_scaling_policy")
    def put_scaling_policy(original: Any, self: Any, **policy: Any) -> Any:
        target = (policy["resource_id"], policy["scalable_dimension"])
        if not self._scalable_target_exists(*target):
            raise _unknown(f"scalable target registered for service namespace: {policy['service_namespace']}, {target}")
        names = ("service_namespace", "resource_id", "scalable_dimension", "policy_name")
        old = self.policies.get(FakeApplicationAutoscalingPolicy.formulate_key(*(policy[name] for name in names)))
        made = original(self, **policy)
        if old:
            old.delete_alarms(self.account_id, self.region_name)
            made.policy_arn = old.policy_arn
        return made

    @wrap(ApplicationAutoscalingBackend, "deregister_scalable_target")
    def deregister_scalable_target(original: Any, self: Any, namespace: str, r_id: str, dimension: str) -> None:
        if not self._scalable_target_exists(r_id, dimension):
            raise _unknown(f"scalable target found for service namespace: {namespace}, {r_id}, {dimension}")
        for policy in [item for item in self.policies.values() if (item.resource_id, item.scalable_dimension) == (r_id, dimension)]:
            self.delete_scaling_policy(policy.policy_name, namespace, r_id, dimension)
        original(self, namespace, r_id, dimension)

    @wrap(ApplicationAutoscalingBackend, "delete_scaling_policy")
    def delete_scaling_policy(original: Any, self: Any, *args: str, **identity: str) -> None:
        try:
            original(self, *args, **identity)
        except AWSValidationException as error:
            raise _unknown(error.message) from None
