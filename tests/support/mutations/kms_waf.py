"""Keys and the web ACL."""

from __future__ import annotations

from typing import Any

from .scene import REFUSED, Scene, Touch, changed, mutation, widened


@mutation("kms")
def key_policy_widened(at: Scene) -> Touch:
    address, key = at.pick("kms_key")
    kms = at.client("kms")
    policy = kms.get_key_policy(KeyId=key["id"], PolicyName="default")["Policy"]
    kms.put_key_policy(KeyId=key["id"], PolicyName="default", Policy=widened(policy, "kms:Decrypt"))
    return changed(address, "a stranger in its policy")


@mutation("kms")
def key_rotation_off(at: Scene) -> Touch:
    address, key = at.pick("kms_key")
    at.client("kms").disable_key_rotation(KeyId=key["id"])
    return changed(address, "rotation off")


@mutation("kms")
def key_rotation_period(at: Scene) -> Touch:
    address, key = at.pick("kms_key")
    at.client("kms").enable_key_rotation(KeyId=key["id"], RotationPeriodInDays=at.rng.randint(100, 300))
    return changed(address, "another rotation period")


@mutation("kms")
def key_alias_deleted(at: Scene) -> Touch:
    address, key = at.pick("kms_key")
    at.client("kms").delete_alias(AliasName=key["alias"])
    return changed(address, "alias deleted")


@mutation("kms", ripples=True)
def key_alias_to_a_stranger(at: Scene) -> Touch:
    address, key = at.pick("kms_key")
    kms = at.client("kms")
    other = kms.create_key(Description="made by hand")["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName=key["alias"], TargetKeyId=other)
    return Touch(f"{address}: its alias names a stranger's key", {address: REFUSED})


@mutation("kms")
def key_disabled(at: Scene) -> Touch:
    address, key = at.pick("kms_key")
    at.client("kms").disable_key(KeyId=key["id"])
    return changed(address, "disabled")


@mutation("kms")
def key_description(at: Scene) -> Touch:
    address, key = at.pick("kms_key")
    at.client("kms").update_key_description(KeyId=key["id"], Description=at.word())
    return changed(address, "another description")


@mutation("kms")
def key_deletion_scheduled(at: Scene) -> Touch:
    address, key = at.pick("kms_key")
    at.client("kms").schedule_key_deletion(KeyId=key["id"], PendingWindowInDays=at.rng.randint(7, 30))
    return changed(address, "deletion scheduled")


@mutation("kms")
def key_deleted_with_alias(at: Scene) -> Touch:
    address, key = at.pick("kms_key")
    at.client("kms").delete_alias(AliasName=key["alias"])
    at.client("kms").schedule_key_deletion(KeyId=key["id"], PendingWindowInDays=7)
    return changed(address, "alias deleted and deletion scheduled")


def edit_acl(at: Scene, what: str, edit: Any) -> Touch:
    """``edit(acl)`` changes the ACL as UpdateWebACL takes it."""
    address, acl = at.pick("web_acl")
    waf, who = at.client("wafv2"), {"Name": acl["name"], "Scope": "CLOUDFRONT", "Id": acl["arn"].rsplit("/", 1)[1]}
    answer = waf.get_web_acl(**who)
    members = ("DefaultAction", "Description", "Rules", "VisibilityConfig")
    standing = {name: answer["WebACL"][name] for name in members if name in answer["WebACL"]}
    edit(standing)
    waf.update_web_acl(**who, **standing, LockToken=answer["LockToken"])
    return changed(address, what)


@mutation("waf")
def waf_default_action(at: Scene) -> Touch:
    return edit_acl(at, "blocks by default", lambda acl: acl.update(DefaultAction={"Block": {}}))


@mutation("waf")
def waf_rule_removed(at: Scene) -> Touch:
    return edit_acl(at, "a rule removed", lambda acl: acl["Rules"].pop(at.rng.randrange(len(acl["Rules"]))))


@mutation("waf")
def waf_rule_priority(at: Scene) -> Touch:
    return edit_acl(at, "a rule moved to the end", lambda acl: at.one(acl["Rules"]).update(Priority=900 + at.rng.randrange(90)))


@mutation("waf")
def waf_rule_only_counts(at: Scene) -> Touch:
    def edit(acl: dict[str, Any]) -> None:
        rule = at.one(acl["Rules"])
        if "OverrideAction" in rule:
            rule["OverrideAction"] = {"None": {}} if "Count" in rule["OverrideAction"] else {"Count": {}}
        else:
            rule["Action"] = {"Allow": {}} if "Count" in rule["Action"] else {"Count": {}}

    return edit_acl(at, "a rule acts otherwise", edit)


@mutation("waf")
def waf_rule_added(at: Scene) -> Touch:
    rule = {
        "Name": "by-hand",
        "Priority": 999,
        "Statement": {"GeoMatchStatement": {"CountryCodes": ["AQ"]}},
        "Action": {"Allow": {}},
        "VisibilityConfig": {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "by-hand"},
    }
    return edit_acl(at, "a rule added", lambda acl: acl["Rules"].append(rule))


@mutation("waf")
def waf_samples_turned(at: Scene) -> Touch:
    def edit(acl: dict[str, Any]) -> None:
        acl["VisibilityConfig"]["SampledRequestsEnabled"] = not acl["VisibilityConfig"]["SampledRequestsEnabled"]

    return edit_acl(at, "samples turned", edit)


@mutation("waf")
def waf_description(at: Scene) -> Touch:
    return edit_acl(at, "another description", lambda acl: acl.update(Description=at.word()))


@mutation("waf")
def waf_log_off(at: Scene) -> Touch:
    address, acl = at.pick("web_acl")
    at.client("wafv2").delete_logging_configuration(ResourceArn=acl["arn"])
    return changed(address, "log off")


@mutation("waf")
def waf_log_shows_everything(at: Scene) -> Touch:
    address, acl = at.pick("web_acl")
    waf = at.client("wafv2")
    standing = waf.get_logging_configuration(ResourceArn=acl["arn"])["LoggingConfiguration"]
    if not standing.pop("RedactedFields", None):
        standing["RedactedFields"] = [{"SingleHeader": {"Name": "x-by-hand"}}]
    waf.put_logging_configuration(LoggingConfiguration=standing)
    return changed(address, "its log's redaction changed")
