"""Transitional states: how long a thing stays `pending` or `deleting` before it is what moto says at once.

A kind's seconds are in the settings (`--transition nat_gateway=20`, `PUT /_local_aws/settings`); 0 unless set. A kind
that has a failed state ends in it when the settings say why (`--failure eks_nodegroup="AccessDenied: ..."`).
"""

from __future__ import annotations

import time

from local_aws.settings import SETTINGS

KINDS = {
    "certificate": "PENDING_VALIDATION -> ISSUED, counted from when all validation records stand in hosted zones",
    "certificate_record": "no ResourceRecord -> ResourceRecord in DescribeCertificate",
    "db_instance": "creating -> available; modifying -> available (no other change meanwhile); deleting -> gone",
    "db_storage": "storage-optimization -> available after a change of storage (no other meanwhile; six hours on AWS)",
    "distribution": "InProgress -> Deployed, after a creation and after each update (no deletion meanwhile)",
    "dns_change": "PENDING -> INSYNC",
    "dynamodb_table": "CREATING -> ACTIVE; UPDATING -> ACTIVE (no other change meanwhile); DELETING -> gone",
    "eks_addon": "CREATING -> ACTIVE; UPDATING -> ACTIVE; DELETING -> gone",
    "eks_cluster": "CREATING -> ACTIVE; UPDATING -> ACTIVE (no other change meanwhile); DELETING -> gone",
    "eks_nodegroup": "CREATING -> ACTIVE; UPDATING -> ACTIVE (no other change meanwhile); DELETING -> gone",
    "external_secret": "no condition -> Ready, after each change",
    "kubernetes_deployment": "no pod available -> all of them, after each change",
    "load_balancer": "provisioning -> active",
    "load_balancer_interfaces": "in use -> gone, counted from the deletion of their load balancer",
    "nat_gateway": "pending -> available; deleting -> deleted (the address stays associated meanwhile)",
    "replication_group": "creating -> available; modifying -> available (no other change meanwhile); deleting -> gone",
    "time_to_live": "ENABLING -> ENABLED, DISABLING -> DISABLED (no other change meanwhile; an hour and more on AWS)",
    "vpc_endpoint": "pending -> available; deleting -> gone (interface endpoints only)",
}

# What a failure of a kind looks like: the state in which a creation begun while the failure is set ends.
FAILED = {
    "db_instance": "failed, or the state with which the reason begins (storage-full, ...), with the reason among its events; of a "
    "change too",
    "certificate": "FAILED, with the reason in FailureReason",
    "eks_addon": "CREATE_FAILED, or DEGRADED where the reason begins with it, with the reason in health.issues",
    "eks_cluster": "FAILED, with the reason in health.issues",
    "eks_nodegroup": "CREATE_FAILED, or DEGRADED where the reason begins with it, with the reason in health.issues",
    "external_secret": "not Ready; the reason is what stands before the colon, as in SecretSyncedError: no such secret",
    "kubernetes_deployment": "not available, with a pod that waits with the reason, as in ImagePullBackOff: no such image; after a "
    "change too",
    "load_balancer": "failed, with the reason in State.Reason",
    "replication_group": "create-failed, with the reason among its events",
}

_skipped = 0.0


def now() -> float:
    """The clock of transitions, in seconds: it runs by itself, and jumps by `skip`."""
    return time.monotonic() + _skipped


def skip(seconds: float) -> None:
    """Let this much time have passed, for everything that waits for a transition, at once."""
    global _skipped
    _skipped += seconds


def settled(kind: str, since: float) -> bool:
    """Whether something of this kind that changed at `since` (by `now`) is through with its transition."""
    return now() - since >= SETTINGS.transition(kind)


def failure(kind: str) -> str | None:
    """Why something of this kind that is being made now will end in its failed state; None: it will not.

    To be asked, and kept with the thing, when its creation begins; the failure stays set until the settings drop it.
    """
    return SETTINGS.failure(kind)
