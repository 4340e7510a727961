"""Patches to KMS."""

from __future__ import annotations

import json
import time
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.kms import models
from moto.kms.models import Key, KmsBackend
from moto.kms.responses import KmsResponse

from local_aws.patches import patch, replace, wrap

DAY = 86400
# Operation -> states of the key in which AWS refuses it, by the table "Key states of AWS KMS keys".
REFUSED = {
    "cancel_key_deletion": ("Enabled", "Disabled"),
    "create_alias": ("PendingDeletion",),
    "create_grant": ("Disabled", "PendingDeletion"),
    "decrypt": ("Disabled", "PendingDeletion"),
    "disable_key": ("PendingDeletion",),
    "disable_key_rotation": ("Disabled", "PendingDeletion"),
    "enable_key": ("PendingDeletion",),
    "enable_key_rotation": ("Disabled", "PendingDeletion"),
    "encrypt": ("Disabled", "PendingDeletion"),
    "generate_data_key": ("Disabled", "PendingDeletion"),
    "generate_data_key_without_plaintext": ("Disabled", "PendingDeletion"),
    "schedule_key_deletion": ("PendingDeletion",),
    "tag_resource": ("PendingDeletion",),
    "untag_resource": ("PendingDeletion",),
    "update_alias": ("PendingDeletion",),
    "update_key_description": ("PendingDeletion",),
}


@patch
def rotation_period() -> None:
    """AWS keeps RotationPeriodInDays (90 to 2560, 365 unless given) and answers it with NextRotationDate in
    GetKeyRotationStatus; a key that waits for its deletion shows its rotation as off. moto drops the period."""

    @wrap(KmsResponse, "enable_key_rotation")
    def enable_key_rotation(original: Any, self: Any) -> str:
        days = self._get_param("RotationPeriodInDays") or 365
        if not 90 <= days <= 2560:
            raise _invalid("rotationPeriodInDays", days, "between 90 and 2560")
        answer = original(self)
        key = _key(self)
        key.rotation_period, key.rotation_since = days, time.time()
        return answer

    @wrap(KmsResponse, "get_key_rotation_status")
    def get_key_rotation_status(original: Any, self: Any) -> str:
        answer = json.loads(original(self))
        key = _key(self)
        answer["KeyId"] = key.arn
        answer["KeyRotationEnabled"] &= key.key_state != "PendingDeletion"
        if answer["KeyRotationEnabled"]:
            period = getattr(key, "rotation_period", 365)
            answer["RotationPeriodInDays"] = period
            answer["NextRotationDate"] = getattr(key, "rotation_since", key.creation_date) + period * DAY
        return json.dumps(answer)


@patch
def deletion_window() -> None:
    """AWS answers KeyState and PendingWindowInDays to ScheduleKeyDeletion, refuses a window outside 7 to 30 days, and
    takes a key's ARN as well as its id. moto answers no date to a bad window and fails on an ARN."""

    @replace(KmsResponse, "schedule_key_deletion")
    def schedule_key_deletion(self: Any) -> str:
        days = self._get_param("PendingWindowInDays")
        days = 30 if days is None else days
        self._validate_cmk_id(self._get_param("KeyId"))
        if not 7 <= days <= 30:
            raise _invalid("pendingWindowInDays", days, "between 7 and 30")
        key = _key(self)
        date = self.kms_backend.schedule_key_deletion(key.id, days)
        return json.dumps({"KeyId": key.arn, "DeletionDate": date, "KeyState": key.key_state, "PendingWindowInDays": days})

    @replace(KmsResponse, "cancel_key_deletion")
    def cancel_key_deletion(self: Any) -> str:
        self._validate_cmk_id(self._get_param("KeyId"))
        key = _key(self)
        self.kms_backend.cancel_key_deletion(key.id)
        return json.dumps({"KeyId": key.arn})

    for name in ("enable_key", "disable_key"):

        @wrap(KmsBackend, name)
        def by_arn_too(original: Any, self: Any, key_id: str) -> None:
            original(self, self.get_key_id(key_id))


@patch
def key_states() -> None:
    """AWS refuses with KMSInvalidStateException (or DisabledException) what the state of a key does not allow: a key
    comes back from its deletion disabled and must be enabled before its rotation is. moto allows everything."""
    for operation, states in REFUSED.items():
        _refuse(operation, states)


def _refuse(operation: str, states: tuple[str, ...]) -> None:
    @wrap(KmsResponse, operation)
    def checked(original: Any, self: Any) -> Any:
        key = _key(self)
        if key and key.key_state in states:
            if key.key_state == "Disabled" and operation != "cancel_key_deletion":
                raise JsonRESTError("DisabledException", f"{key.arn} is disabled.")
            state = {"PendingDeletion": "pending deletion"}.get(key.key_state, f"not pending deletion ({key.key_state})")
            raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is {state}.")
        return original(self)


@patch
def policies_are_json() -> None:
    """AWS refuses a key policy that is not a policy document with MalformedPolicyDocumentException. moto stores it."""
    for operation in ("create_key", "put_key_policy"):

        @wrap(KmsResponse, operation)
        def checked(original: Any, self: Any) -> Any:
            policy = self._get_param("Policy")
            if policy is not None:
                try:
                    good = isinstance(json.loads(policy), dict) and json.loads(policy).get("Statement")
                except ValueError:
                    good = False
                if not good:
                    raise JsonRESTError("MalformedPolicyDocumentException", "The new key policy is malformed.")
            return original(self)


@patch
def policy_name_may_be_left_out() -> None:
    """AWS takes PolicyName `default` when PutKeyPolicy and GetKeyPolicy name none. moto answers NotFoundException."""
    from moto.kms import responses

    original = responses._assert_default_policy
    responses._assert_default_policy = lambda name: original(name or "default")


@patch
def deny_statements_honour_their_conditions() -> None:
    """AWS applies a Deny only where its principal and conditions match. moto denies DescribeKey to everyone as soon
    as a Deny names the action, whatever its Principal and Condition."""
    from moto.kms import policy_validator, responses

    def validate_policy(key: Key, action: str) -> None:
        try:
            document = json.loads(key.policy)
        except (ValueError, TypeError):
            return
        statements = document.get("Statement", [])
        everyone = [
            item
            for item in (statements if isinstance(statements, list) else [statements])
            if "Condition" not in item and item.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
        ]
        # A statement with a condition speaks of callers that the emulator does not have.
        unconditional = Key.__new__(Key)
        unconditional.arn, unconditional.policy = key.arn, json.dumps({"Statement": everyone})
        policy_validator.validate_policy(unconditional, action)

    responses.validate_policy = validate_policy


@patch
def pages() -> None:
    """AWS answers ListKeys by 100 (Limit at most 1000) and ListAliases by 50 (at most 100), with Truncated and
    NextMarker. moto answers everything at once."""
    for operation, name, default in (("list_keys", "Keys", 100), ("list_aliases", "Aliases", 50)):
        _page(operation, name, default)


def _page(operation: str, name: str, default: int) -> None:
    @wrap(KmsResponse, operation)
    def paged(original: Any, self: Any) -> str:
        items = json.loads(original(self))[name]
        start = int(self._get_param("Marker") or 0)
        end = start + int(self._get_param("Limit") or default)
        answer: dict[str, Any] = {name: items[start:end], "Truncated": end < len(items)}
        if end < len(items):
            answer["NextMarker"] = str(end)
        return json.dumps(answer)


@patch
def no_private_key_for_symmetric_keys() -> None:
    """A symmetric key has no private key on AWS. moto makes an RSA key for each, which takes a tenth of a second."""
    original = models.generate_private_key

    def generate_private_key(key_spec: str) -> Any:
        return None if key_spec == "SYMMETRIC_DEFAULT" else original(key_spec)

    models.generate_private_key = generate_private_key


def _key(response: Any) -> Any:
    """The key that the call is about, None if it names none that exists."""
    name = response._get_param("TargetKeyId") or response._get_param("KeyId")
    if not name:
        return None
    backend = response.kms_backend
    name = backend.get_key_id(backend.get_alias_name(name))
    if name.startswith("alias/"):
        name = next((key.id for key in backend.keys.values() if name in key.aliases), "")
    return backend.keys.get(name)


def _invalid(name: str, value: Any, constraint: str) -> JsonRESTError:
    message = f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"
    return JsonRESTError("ValidationException", message)
