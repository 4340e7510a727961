# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ElastiCache: the AUTH token of a replication group, which a generated secret holds.

Facts: ElastiCache user guide ("Authenticating with the AUTH command", "Modifying the AUTH token on an existing cluster"). AWS never
shows a token. ROTATE adds one, after which the two latest are good, so that a second ROTATE to one and the same drives out the one
before; SET makes one that was rotated to the only one. Each takes minutes, and changes AuthTokenLastModifiedDate.

A rotation, in the order in which the secret's current value is good at every moment:

1. a new value is stored as AWSPENDING, labelled with the date at which the group's token was last changed;
2. ROTATE to it, unless the group's date is another one than the label's: then this has been done already;
3. it becomes AWSCURRENT;
4. SET to it;
5. the labels are taken off.

Whoever finds AWSPENDING goes on from what the labels say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from ...aws.retry import until
from ...reconcile.resource import Context, Observed
from ..generated_secret import made_for, store
from ..secretsmanager import CURRENT, PENDING, current_value, describe, stages_of

# What the field ``auth_token`` of a replication group says.
GOOD = "current"
DUE = "due for rotation"
UNDER_WAY = "being rotated"
NONE = "none"
LOST = "not the one in the secret"
LABEL = "cache-token-of-"
# By which the clocks of two services may differ.
SKEW = timedelta(minutes=1)


def state(context: Context, group: Mapping[str, Any], secret: Observed | None, options: Mapping[str, Any]) -> str:
    """How the token of ``group`` (as DescribeReplicationGroups shows it) stands to the secret and to what is asked for."""
    if not group.get("AuthTokenEnabled"):
        return NONE
    held = describe(context, secret.id) if secret else None
    stages, changed = stages_of(held or {}), group.get("AuthTokenLastModifiedDate")
    if not held or CURRENT not in stages or (changed and held["CreatedDate"] > changed + SKEW):
        return LOST
    if PENDING in stages:
        return UNDER_WAY
    return GOOD if _fits(context, held["ARN"], held["Name"], stages, options) else DUE


def _fits(context: Context, arn: str, name: str, stages: Mapping[str, str], options: Mapping[str, Any]) -> bool:
    """Whether the current value is the one that the configuration gives, or else was made for its marker."""
    if options.get("value"):
        return current_value(context, arn) == options["value"]
    return made_for(name, stages, options.get("rotation"))


def for_new_group(context: Context, arn: str, options: Mapping[str, Any]) -> str:
    """The token to make a group with: nobody uses the current value yet, so another one may take its place at once."""
    secret = describe(context, arn) or {}
    stages = stages_of(secret)
    if PENDING in stages:
        _unlabel(context, arn, stages, stages[PENDING])
    if not _fits(context, arn, secret["Name"], stages, options):
        store(context, secret, options)
    return current_value(context, arn)


def bring(
    context: Context,
    arn: str,
    options: Mapping[str, Any],
    old: str,
    changed: Callable[[], Any],
    write: Callable[[str, str], None],
) -> None:
    """Make the token what it should be. ``old``: its state. ``changed()``: the date of the group's token now.
    ``write(token, strategy)``: change it, and wait.
    """
    secret = describe(context, arn) or {}
    stages = stages_of(secret)
    if PENDING not in stages and old in (NONE, LOST):
        # The group gets the value that is there. The label comes first, since AWSPENDING is what the next run looks for.
        for label in (_label(changed()), PENDING):
            _move(context, arn, label, to=stages[CURRENT], away_from=stages.get(label))
        stages = stages_of(describe(context, arn) or {})
    if PENDING in stages:
        _finish(context, arn, stages, changed, write)
        secret = describe(context, arn) or {}
        stages = stages_of(secret)
    if not _fits(context, arn, secret["Name"], stages, options):
        store(context, secret, options, (PENDING, _label(changed())))
        _finish(context, arn, stages_of(describe(context, arn) or {}), changed, write)


def _finish(
    context: Context, arn: str, stages: Mapping[str, str], changed: Callable[[], Any], write: Callable[[str, str], None]
) -> None:
    version = stages[PENDING]
    client = context.api.client("secretsmanager")
    token = client.get_secret_value(SecretId=arn, VersionId=version)["SecretString"]
    labels = {label for label, labelled in stages.items() if labelled == version and label.startswith(LABEL)}
    if not labels or _label(changed()) in labels:
        write(token, "ROTATE")
        if labels:
            # What is promoted must be good: the date says so, whenever AWS gets to show it.
            until(changed, lambda date: _label(date) not in labels)
    if stages[CURRENT] != version:
        _move(context, arn, CURRENT, to=version, away_from=stages[CURRENT])
    write(token, "SET")
    _unlabel(context, arn, stages, version)


def _label(changed: Any) -> str:
    return LABEL + (changed.isoformat() if changed else "nobody")


def _move(context: Context, arn: str, label: str, to: str | None = None, away_from: str | None = None) -> None:
    versions = {"MoveToVersionId": to, "RemoveFromVersionId": away_from}
    context.api.client("secretsmanager").update_secret_version_stage(
        SecretId=arn, VersionStage=label, **{name: version for name, version in versions.items() if version}
    )


def _unlabel(context: Context, arn: str, stages: Mapping[str, str], version: str) -> None:
    """AWSPENDING goes last: it is what a next run looks for."""
    labels = sorted(label for label, labelled in stages.items() if labelled == version and label.startswith(LABEL))
    for label in (*labels, PENDING):
        _move(context, arn, label, away_from=version)
