# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the database's inside should be, and what is missing of it: items as a tier's plan has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..reconcile.errors import EngineError
from ..reconcile.unknown import UNKNOWN_TEXT
from .look import PARTITION, Privileges, Seen
from .migrations import Migration, pending
from .privileges import PUBLIC, THE_DATABASE, THE_SCHEMA, kind_of

# What the field ``password`` of a login of the application says.
GOOD = "current"
DUE = "due for rotation"
UNDER_WAY = "being rotated"
LOST = "not the one in the secret"


@dataclass(frozen=True)
class Password:
    """How the application's password stands to its secret. ``login``: which of its two logins is to be given one, or has it."""

    login: str
    state: str


@dataclass(frozen=True)
class Desired:
    """``roles``: name -> whether it may log in; one of them is ``owner``, others the ``logins`` of the application: itself, which
    is granted what it may do, and its clone, a member of it. The secret names one of the two, with its password.
    ``grants``: role -> object of the schema -> privileges. ``months_ahead``: partitions after the one of this month.
    ``partitioned``: the migrations make the audit log."""

    database: str
    schema: str
    owner: str
    application: str
    roles: Mapping[str, bool]
    grants: Mapping[str, Mapping[str, Sequence[str]]]
    migrations: Sequence[Migration]
    months_ahead: int = 3
    partitioned: bool = True

    @property
    def logins(self) -> tuple[str, str]:
        return self.application, clone_of(self.application)

    def member_of(self, role: str) -> list[str]:
        return [self.application] if role == self.logins[1] else []

    def privileges(self) -> Privileges:
        """Role -> object -> sorted privileges, of everybody but the owner, with PUBLIC, who has none."""
        wanted: Privileges = {PUBLIC: {}}
        for role, objects in self.grants.items():
            wanted[role] = {THE_DATABASE: ["CONNECT"], THE_SCHEMA: ["USAGE"]}
            wanted[role].update({name: sorted(rights) for name, rights in objects.items() if rights})
        return wanted

    def months(self, now: tuple[int, int]) -> list[str]:
        """Of the partitions that should stand, this month's first."""
        first = now[0] * 12 + now[1] - 1
        numbers = range(first, first + self.months_ahead + 1) if self.partitioned else ()
        return [f"{number // 12:04d}_{number % 12 + 1:02d}" for number in numbers]


def clone_of(application: str) -> str:
    """The other login, of which Secrets Manager's own rotations for two users make the same name."""
    return f"{application}_clone"


@dataclass
class Item:
    """One change of one address. ``fields``: name -> (old, new)."""

    address: str
    action: str
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        changes = [{"field": name, "old": old, "new": new} for name, (old, new) in self.fields.items()]
        return {"address": self.address, "action": self.action, "fields": changes}


def compare(desired: Desired, seen: Seen | None, password: Password | None = None) -> list[Item]:
    """What is to be done, in order. ``seen`` None: there is no database server yet. ``password`` None: nothing is known against
    it. Raises MigrationError for migrations that are not what was applied.
    """
    password = password or Password(desired.application, GOOD)
    fresh = seen is None or not seen.roles
    seen = seen or Seen()
    items = [*_database(desired, seen, fresh), *_roles(desired, seen, password), *_schema(desired, seen)]
    items += [
        Item(f"migration/{migration.name}", "create", {"checksum": (None, migration.checksum)})
        for migration in pending(desired.migrations, seen.history)
    ]
    return [*items, *_partitions(desired, seen)]


def _database(desired: Desired, seen: Seen, fresh: bool) -> Iterator[Item]:
    """Ours is what is set up in it: what RDS made with the instance and nobody touched counts as new."""
    held = seen.privileges.get(PUBLIC, {}).get(THE_DATABASE, []) if seen.database else None
    if held != []:
        yield Item(
            f"database/{desired.database}", "create" if fresh else "update", {"public_privileges": (None if fresh else held, [])}
        )


def _roles(desired: Desired, seen: Seen, password: Password) -> Iterator[Item]:
    wanted = desired.privileges()
    for name, login in desired.roles.items():
        shape: dict[str, Any] = {"login": login, "attributes": [], "search_path": desired.schema}
        shape["member_of"] = desired.member_of(name)
        if name == password.login:
            shape["password"] = GOOD
        if name == desired.owner:
            shape["held_by_master"] = True
        shape["privileges"] = wanted.get(name, {})
        standing = seen.roles.get(name)
        if standing is None:
            yield Item(f"database_role/{name}", "create", {field: (None, value) for field, value in shape.items()})
            continue
        observed = {**standing, "privileges": seen.privileges.get(name, {})}
        observed |= {"password": password.state} if name == password.login else {}
        observed |= {"held_by_master": seen.holds_owner} if name == desired.owner else {}
        fields = {field: (observed[field], value) for field, value in shape.items() if observed[field] != value}
        if fields:
            yield Item(f"database_role/{name}", "update", fields)


def _schema(desired: Desired, seen: Seen) -> Iterator[Item]:
    address = f"database_schema/{desired.schema}"
    public = {name: rights for name, rights in seen.privileges.get(PUBLIC, {}).items() if name != THE_DATABASE}
    if seen.schema_owner is None:
        yield Item(address, "create", {"owner": (None, desired.owner), "public_privileges": (None, {})})
        return
    fields = {"owner": (seen.schema_owner, desired.owner)} if seen.schema_owner != desired.owner else {}
    fields |= {"public_privileges": (public, {})} if public else {}
    if fields:
        yield Item(address, "update", fields)


def _partitions(desired: Desired, seen: Seen) -> Iterator[Item]:
    """Which months those are is told by the server's clock alone."""
    if not desired.partitioned:
        return
    if not seen.database:
        yield Item(f"audit_partitions/{PARTITION}*", "create", {"months": (None, UNKNOWN_TEXT)})
        return
    missing = [month for month in desired.months(seen.now) if month not in seen.months]
    if missing:
        yield Item(
            f"audit_partitions/{PARTITION}*", "create" if not seen.months else "update", {"months": (seen.months or None, missing)}
        )


def grants(desired: Desired, seen: Seen) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(to grant, to revoke): ``{kind, objects, roles, privileges}``, with kinds as ``privileges.kind_of`` has them, as few as say
    it all."""
    wanted = desired.privileges()
    return _grouped(_differences(wanted, seen.privileges)), _grouped(_differences(seen.privileges, wanted))


def _differences(more: Privileges, less: Privileges) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(role, object, privileges) that are in ``more`` and not in ``less``."""
    for role, objects in more.items():
        for name, rights in objects.items():
            left = tuple(sorted(set(rights) - set(less.get(role, {}).get(name, ()))))
            if left:
                yield role, name, left


def _grouped(differences: Iterator[tuple[str, str, tuple[str, ...]]]) -> list[dict[str, Any]]:
    """By what is granted: first all roles of an object together, then all objects of the same roles."""
    roles: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for role, name, rights in differences:
        roles.setdefault((name, rights), []).append(role)
    objects: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for (name, rights), held in roles.items():
        objects.setdefault((kind_of(name), tuple(held), rights), []).append(name)
    return [
        {"kind": kind, "objects": names, "roles": list(held), "privileges": list(rights)}
        for (kind, held, rights), names in objects.items()
    ]


def check_approved(approved: Mapping[str, Mapping[str, Any]] | None, items: Iterable[Item]) -> None:
    """``approved``: what a plan lets be done, by address; None: everything. Raises EngineError for the first item that is not in
    it.

    What a run that was cut off has begun to make is an update by now.
    """
    for item in items if approved is not None else ():
        allowed = approved.get(item.address)
        begun = allowed is not None and allowed["action"] == "create" and item.action == "update"
        if allowed is None or (allowed["action"] != item.action and not begun):
            raise EngineError(
                f"{item.address}: {item.action} is not in the plan that was approved: make a new one with playbooks/plan.yml"
            )
        for name, (_old, new) in item.fields.items():
            if not begun and allowed["fields"].get(name) not in (new, UNKNOWN_TEXT):
                raise EngineError(
                    f"{item.address}: {name} is to become something else than in the plan that was approved: make a new one with "
                    "playbooks/plan.yml"
                )
