"""Roles, in whichever tier, and the secrets."""

from __future__ import annotations

import json
from typing import Any

from .scene import STRANGER, Scene, Touch, changed, missing, mutation, widened

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


def role(at: Scene) -> tuple[str, str]:
    address, item = at.pick("iam_role")
    return address, item["name"]


def with_any(at: Scene, operation: str, key: str) -> tuple[str, str, Any]:
    """A role that has something of the kind that ``operation`` lists, with all of it."""
    client, found = at.client("iam"), []
    for address, item in at.all("iam_role"):
        listed = getattr(client, operation)(RoleName=item["name"])[key]
        found += [(address, item["name"], listed)] if listed else []
    return at.one(found)


@mutation("any")
def role_trusts_a_stranger(at: Scene) -> Touch:
    address, name = role(at)
    iam = at.client("iam")
    standing = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    policy = json.loads(widened(standing, "sts:AssumeRole"))
    del policy["Statement"][-1]["Resource"]
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(policy))
    return changed(address, "trusts a stranger")


@mutation("any")
def role_inline_policy_widened(at: Scene) -> Touch:
    address, name, policies = with_any(at, "list_role_policies", "PolicyNames")
    iam, who = at.client("iam"), {"RoleName": name, "PolicyName": at.one(sorted(policies))}
    document = iam.get_role_policy(**who)["PolicyDocument"]
    iam.put_role_policy(**who, PolicyDocument=widened(document, "s3:*", principal=False))
    return changed(address, "an inline policy widened")


@mutation("any")
def role_inline_policy_removed(at: Scene) -> Touch:
    address, name, policies = with_any(at, "list_role_policies", "PolicyNames")
    at.client("iam").delete_role_policy(RoleName=name, PolicyName=at.one(sorted(policies)))
    return changed(address, "an inline policy removed")


@mutation("any")
def role_inline_policy_added(at: Scene) -> Touch:
    address, name = role(at)
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    at.client("iam").put_role_policy(RoleName=name, PolicyName="by-hand", PolicyDocument=json.dumps(document))
    return changed(address, "an inline policy added")


@mutation("any")
def role_managed_policy_detached(at: Scene) -> Touch:
    address, name, policies = with_any(at, "list_attached_role_policies", "AttachedPolicies")
    arn = at.one(sorted(one["PolicyArn"] for one in policies))
    at.client("iam").detach_role_policy(RoleName=name, PolicyArn=arn)
    return changed(address, "a managed policy detached")


@mutation("any")
def role_made_administrator(at: Scene) -> Touch:
    address, name = role(at)
    at.client("iam").attach_role_policy(RoleName=name, PolicyArn=ADMIN)
    return changed(address, "made administrator")


@mutation("any")
def role_deleted(at: Scene) -> Touch:
    address, name = role(at)
    iam = at.client("iam")
    for one in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=one["PolicyArn"])
    for one in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=one)
    for one in iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]:
        iam.remove_role_from_instance_profile(RoleName=name, InstanceProfileName=one["InstanceProfileName"])
    iam.delete_role(RoleName=name)
    return missing(address)


SECRETS = ("secret", "generated_secret", "origin_secret")


@mutation("any")
def secret_description(at: Scene) -> Touch:
    address, secret = at.pick(*SECRETS)
    at.client("secretsmanager").update_secret(SecretId=secret["arn"], Description=at.word())
    return changed(address, "another description")


@mutation("any")
def secret_another_key(at: Scene) -> Touch:
    address, secret = at.pick(*SECRETS)
    key = at.client("kms").create_key(Description="made by hand")["KeyMetadata"]["Arn"]
    at.client("secretsmanager").update_secret(SecretId=secret["arn"], KmsKeyId=key)
    return changed(address, "another key")


@mutation("any")
def secret_policy_for_a_stranger(at: Scene) -> Touch:
    address, secret = at.pick(*SECRETS)
    client = at.client("secretsmanager")
    standing = (
        client.get_resource_policy(SecretId=secret["arn"]).get("ResourcePolicy") or '{"Version": "2012-10-17", "Statement": []}'
    )
    policy = widened(standing, "secretsmanager:GetSecretValue", principal={"AWS": f"arn:aws:iam::{STRANGER}:root"})
    client.put_resource_policy(SecretId=secret["arn"], ResourcePolicy=policy)
    return changed(address, "a stranger in its policy")


@mutation("any")
def secret_policy_deleted(at: Scene) -> Touch:
    client = at.client("secretsmanager")
    found = [
        (address, one["arn"])
        for address, one in at.all(*SECRETS)
        if client.get_resource_policy(SecretId=one["arn"]).get("ResourcePolicy")
    ]
    address, arn = at.one(found)
    client.delete_resource_policy(SecretId=arn)
    return changed(address, "policy deleted")


@mutation("any", ripples=True)
def secret_deleted(at: Scene) -> Touch:
    """With a window: it can come back until that ends."""
    address, secret = at.pick(*SECRETS)
    at.client("secretsmanager").delete_secret(SecretId=secret["arn"], RecoveryWindowInDays=at.rng.randint(7, 30))
    return changed(address, "deleted, with a window")


@mutation("any", ripples=True)
def secret_deleted_at_once(at: Scene) -> Touch:
    address, secret = at.pick(*SECRETS)
    at.client("secretsmanager").delete_secret(SecretId=secret["arn"], ForceDeleteWithoutRecovery=True)
    return missing(address, "deleted for good")
