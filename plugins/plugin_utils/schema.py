# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema tier beyond AWS: the database's inside, planned like every other tier and set up by ``community.postgresql`` and
the migrations.

What is to be done follows from one look at the database (``schema/look.py``, ``schema/desired.py``). Without a difference
nothing more is called. Where there is one, the schema's lock is taken, and it is looked again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, nullcontext
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.client import Unreachable
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError, MissingDependency
from ansible_collections.agent_platform.aws.plugins.module_utils.schema import (
    connect,
    desired,
    look,
    members,
    migrations,
    privileges,
)
from ansible_collections.agent_platform.aws.plugins.module_utils.schema.desired import (
    Desired,
    Item,
    Password,
    check_approved,
    compare,
)
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import only_looks
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import schema as tier
from ansible_collections.agent_platform.aws.plugins.plugin_utils import schema_job, schema_result

MAINTENANCE = "postgres"
# Verbs that list what is refused instead of failing.
LISTING = ("plan", "drift")
WITHOUT = "schema_run_in: none, or --skip-tags schema, goes on without what is in the database"
ELSEWHERE = (
    "schema: what is inside the database is set up from where Ansible runs: take away the task's delegation, become, async or "
    "interpreter, and run Ansible itself on a machine that reaches the database, or set schema_run_in: cluster"
)
LEFT = "what is inside the database goes with the database, which the rds tier keeps or deletes"
# (module of community.postgresql, its arguments) -> nothing; raises EngineError.
Execute = Callable[[str, Mapping[str, Any]], Any]


def go_on(
    action: Any,
    params: Mapping[str, Any],
    result: dict[str, Any],
    task_vars: Mapping[str, Any],
    here: bool,
    callers: dict[str, dict[str, str]],
) -> dict[str, Any]:
    """``result`` of the engine, with what the inside adds to it. Never raises for what a person can mend. ``here``: the engine
    ran in this process. ``callers``: as RunOptions has them."""
    verb = params["verb"]
    if params["run_in"] == tier.NOWHERE or verb == "adopt":
        return result
    looks = bool(action._task.check_mode) or only_looks(params)
    if not here:
        return schema_result.failed(result, ELSEWHERE, looks)
    if verb == "destroy" or params["state"] == "absent":
        if params.get("confirm_data"):
            return result
        kept = {"address": f"database/{params['database']}", "reason": LEFT}
        return {**result, "kept": [*result.get("kept", ()), kept]}
    done: list[str] = []
    items: list[Item] = []
    try:
        connect.check_bundle(params["ca_bundle"])
        wanted = tier.desired(params)
        if verb == "validate":
            return result
        if params["run_in"] == tier.CLUSTER:
            given = {**params, "planned": result.get("planned")}
            items = _in_cluster(action, task_vars, given, wanted, looks, done, callers)
            if verb == "drift":
                result = {**result, "warnings": [*result.get("warnings", ()), schema_job.BLIND]}
        else:
            items = _direct(params, wanted, executor(action, task_vars), looks, done, callers)
    except migrations.MigrationError as error:
        refused = [{"address": f"migration/{name}", "reason": reason} for name, reason in error.refused]
        if verb in LISTING:
            return {**result, "refusals": [*result.get("refusals", ()), *refused]}
        return schema_result.failed(result, str(error), looks, done, refusals=refused)
    except (connect.Unreachable, Unreachable, MissingDependency) as error:
        reason = f"{error}; {WITHOUT}"
        if verb in LISTING:
            refused = {"address": f"database/{params['database']}", "reason": reason}
            return {**result, "refusals": [*result.get("refusals", ()), refused]}
        return schema_result.failed(result, reason, looks, done)
    except Exception as error:
        if not told(error):
            raise
        return schema_result.failed(result, told(error), looks, done, getattr(error, "items", ()))
    return schema_result.with_items(result, items, bool(action._task.diff))


def told(error: Exception) -> str:
    """The error in a sentence; empty for one that is a fault of ours."""
    if isinstance(error, (EngineError, migrations.MigrationError, migrations.Locked, Halted)):
        return str(error)
    if type(error).__module__.split(".")[0] == "psycopg":
        return f"PostgreSQL refused to go on: {' '.join(str(error).split())}: mend what it names, and run again"
    return ""


class Halted(Exception):
    """It ended in the middle. ``items``: what was to be done."""

    def __init__(self, message: str, items: Iterable[Item]):
        super().__init__(message)
        self.items = list(items)


def executor(action: Any, task_vars: Mapping[str, Any]) -> Execute:
    """Runs a module with the Python that runs Ansible; what it is given goes to it by a pipe, and into no file."""
    variables = {**task_vars, "ansible_python_interpreter": sys.executable}
    action._connection.set_option("pipelining", True)

    def execute(module: str, arguments: Mapping[str, Any]) -> Any:
        answer = action._execute_module(module_name=module, module_args=dict(arguments), task_vars=variables)
        if answer.get("failed"):
            message = " ".join(str(answer.get("msg") or answer.get("module_stderr") or "it failed").split())
            raise EngineError(f"{module.rsplit('.', 1)[-1]} failed: {message}")
        return answer

    return execute


def _in_cluster(
    action: Any,
    task_vars: Mapping[str, Any],
    params: Mapping[str, Any],
    wanted: Desired,
    looks: bool,
    done: list[str],
    callers: dict[str, dict[str, str]],
) -> list[Item]:
    items, jobs = schema_job.look(action, task_vars, params, wanted, callers)
    if looks or not items:
        return items
    check_approved(params.get("approved"), items)
    try:
        jobs.run(action.progress)
    except EngineError as error:
        raise Halted(str(error), items) from error
    done += [item.address for item in items]
    return items


def _direct(
    params: Mapping[str, Any],
    wanted: Desired,
    execute: Execute,
    looks: bool,
    done: list[str],
    callers: dict[str, dict[str, str]],
) -> list[Item]:
    from ansible_collections.agent_platform.aws.plugins.module_utils.resources.database_login import Logins

    logins = Logins(params, callers)
    try:
        name = f"{params['environment']}-{params['instance']}"
        server = logins.server(name)
        if server is None:
            if looks:
                return compare(wanted, None)
            raise EngineError(
                f"db_instance/{params['instance']}: {name} does not exist or is still being made: run the rds tier first"
            )
        target = connect.Target(
            server.host,
            params.get("tunnel_port") or server.port,
            wanted.database,
            params["ca_bundle"],
            params.get("tunnel_address") or "",
        )
        connect.reach(target)
        inside = Inside(params, wanted, execute, logins, target, logins.login(server.master_secret), done)
        return inside.plan() if looks else inside.apply()
    finally:
        logins.close()


class Inside:
    """One database that is reached from here."""

    def __init__(
        self,
        params: Mapping[str, Any],
        wanted: Desired,
        execute: Execute,
        logins: Any,
        target: connect.Target,
        master: Any,
        done: list[str],
    ):
        self.params, self.wanted, self.execute, self.logins, self.done = params, wanted, execute, logins, done
        self.target, self.master = target, master
        self.secret: Any = None
        self.password = Password(wanted.application, desired.LOST)
        # Done first, told last. By role, what the master user was refused; and what came of it.
        self.refused: dict[str, list[str]] = {}
        self.late: list[str] = []

    def plan(self) -> list[Item]:
        with ExitStack() as stack:
            connection = self._connection(stack)
            return self._compare(connection)[0]

    def apply(self) -> list[Item]:
        with ExitStack() as stack:
            connection = self._connection(stack)
            items, seen = self._compare(connection)
            if not items:
                return []
            check_approved(self.params.get("approved"), items)
            if connection is None:
                self.community("postgresql_db", {"name": self.wanted.database, "maintenance_db": MAINTENANCE}, drop=("login_db",))
                connection = self._connection(stack)
            stack.enter_context(migrations.locked(connection, self.wanted.schema, self.params["lock_timeout_seconds"]))
            # Whoever held the lock may have done it.
            items, seen = self._compare(connection)
            if not items:
                return []
            try:
                self._carry_out(connection, items, seen)
            except Exception as error:
                if not told(error):
                    raise
                raise Halted(f"{told(error).rstrip('.')}. Running again goes on from here.", items) from error
            return items

    def _connection(self, stack: ExitStack) -> Any:
        """To the database itself; None where there is no such."""
        arguments = (self.target, self.master.user, self.master.password)
        maintenance = connect.connect(*arguments, MAINTENANCE)
        with maintenance:
            if not look.database_stands(maintenance, self.wanted.database):
                return None
        return stack.enter_context(connect.connect(*arguments))

    def _compare(self, connection: Any) -> tuple[list[Item], look.Seen]:
        """By the database and the secret as they are now."""
        wanted, name = self.wanted, f"{self.params['environment']}/{tier.SECRET}"
        self.secret = self.logins.application(name, tier.secret_options(self.params))
        seen = look.look(connection, wanted.schema, wanted.owner, wanted.roles) if connection else look.Seen()
        self.password = self._password(seen)
        return compare(wanted, seen, self.password), seen

    def _password(self, seen: look.Seen) -> Password:
        if self.secret is None:
            return Password(self.wanted.application, desired.LOST)
        if self.secret.under_way or self.secret.due:
            state = desired.UNDER_WAY if self.secret.under_way else desired.DUE
            return Password(self.secret.turn(self.wanted.logins), state)
        current = self.secret.current()
        # Setting it tells of one that is neither.
        user = current.user if current.user in self.wanted.logins else self.wanted.application
        may = user == current.user and seen.roles.get(user, {}).get("login")
        return Password(user, desired.GOOD if may and self._lets_in(current) else desired.LOST)

    def _lets_in(self, login: Any) -> bool:
        return connect.lets_in(self.target, login.user, login.password)

    def community(self, module: str, arguments: Mapping[str, Any], drop: Iterable[str] = ()) -> Any:
        common = connect.community_arguments(self.target, self.master.user, self.master.password)
        common = {name: value for name, value in common.items() if name not in drop}
        return self.execute(f"community.postgresql.{module}", {**common, **arguments})

    def _carry_out(self, connection: Any, items: list[Item], seen: look.Seen) -> None:
        wanted, owner = self.wanted, {"session_role": self.wanted.owner}
        for item in items:
            kind, _slash, name = item.address.partition("/")
            if kind == "database_role":
                self._role(connection, name, item)
            elif kind == "database_schema" and "owner" in item.fields:
                if item.action == "update":
                    raise EngineError(
                        f"{item.address}: it belongs to {item.fields['owner'][0]}: give it to {wanted.owner} by hand, with what "
                        "is in it, or choose another schema_name"
                    )
                self.community("postgresql_schema", {"name": wanted.schema, "owner": wanted.owner})
        migrations.apply(
            connection,
            wanted.schema,
            wanted.owner,
            wanted.migrations,
            lambda migration: self.done.append(f"migration/{migration.name}"),
        )
        missing = [month for month in wanted.months(seen.now) if month not in seen.months]
        with migrations.as_owner(connection, wanted.schema, wanted.owner):
            for month in missing:
                connection.execute("SELECT audit_log_make_partition(%s::date)", (f"{month.replace('_', '-')}-01",))
        self._grant(connection, owner)
        late = [*members.left(connection, {role: wanted.member_of(role) for role in wanted.roles}, self.refused), *self.late]
        if late:
            raise EngineError("; ".join(late))
        self.done += [item.address for item in items if item.address not in self.done]

    def _role(self, connection: Any, name: str, item: Item) -> None:
        """All but what it is granted. RDS's master user sees no stored password, so that one is sent only where it must change.

        With ``no_password_changes``, which is meant for that, postgresql_user 4.2 rolls its own change of a role's flags back.
        """
        fields, wanted = item.fields, self.wanted
        flags = [("LOGIN" if fields["login"][1] else "NOLOGIN")] if "login" in fields else []
        flags += [f"NO{flag.upper()}{'USER' if flag == 'super' else ''}" for flag in fields.get("attributes", ([], []))[0] or ()]
        # A member that does not inherit would have nothing of what the application may do.
        inherits = ["INHERIT"] if fields.get("member_of", ([], []))[1] else []
        call: dict[str, Any] = {"name": name, "role_attr_flags": ",".join(flags + inherits)}
        if "search_path" in fields:
            call |= {"configuration": {"search_path": wanted.schema}, "quote_configuration_values": False}
        if inherits or {"login", "attributes", "search_path"} & set(fields):
            self.community("postgresql_user", call)
        if "member_of" in fields:
            self.refused[name] = members.join(connection, name, wanted.member_of(name))
        if "password" in fields:
            try:
                self._bring_password(item)
            except EngineError as error:
                # With a membership that stays no password may be enough.
                if not any(self.refused.values()):
                    raise
                self.late.append(str(error))
        if "held_by_master" in fields:
            self.community("postgresql_query", {"query": f'GRANT "{name}" TO CURRENT_USER'})

    def _bring_password(self, item: Item) -> None:
        if self.secret is None:
            raise EngineError(
                f"{item.address}: the secret {self.params['environment']}/{tier.SECRET} has no value: run the schema tier again"
            )
        if self.password.state in (desired.DUE, desired.UNDER_WAY):
            self.secret.rotate(self.password.login, self._set_password)
        else:
            self._set_password(self.secret.current())

    def _set_password(self, login: Any) -> None:
        """Raises EngineError unless it is good in the end."""
        if login.user not in self.wanted.logins:
            raise EngineError(
                f"database_role/{self.wanted.application}: its secret is of the user {login.user!r}: set "
                f"schema_password_rotation to another word"
            )
        if self._lets_in(login):
            return
        self.community(
            "postgresql_user",
            {"name": login.user, "password": connect.verifier(login.password), "encrypted": True},
        )
        if not self._lets_in(login):
            raise EngineError(f"database_role/{login.user}: the database did not take its new password: run again")

    def _grant(self, connection: Any, owner: Mapping[str, str]) -> None:
        """What is missing, and then away with what is too much, by a new look: tables may be new."""
        missing, extra = self._differences(connection)
        # With a privilege on a table PostgreSQL takes away the same on its columns.
        columns = [group for group in missing if group["kind"] == privileges.COLUMN]
        for state, groups in (("present", missing), ("absent", extra), ("present", columns)):
            for group in groups:
                self._privileges(connection, owner, state, group)
        for state, groups in zip(("may not", "may still"), self._differences(connection), strict=True):
            for group in groups:
                self.late.append(
                    f"database/{self.wanted.database}: {', '.join(group['roles'])} {state} {', '.join(group['privileges'])} on "
                    f"{', '.join(group['objects'])}: somebody else than {self.wanted.owner} owns or granted that: have them change "
                    "it"
                )

    def _differences(self, connection: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        wanted = self.wanted
        return desired.grants(wanted, look.look(connection, wanted.schema, wanted.owner, wanted.roles))

    def _privileges(self, connection: Any, owner: Mapping[str, str], state: str, group: Mapping[str, Any]) -> None:
        wanted, kind = self.wanted, group["kind"]
        rights = [right for right in group["privileges"] if not right.endswith(privileges.GRANT_OPTION)]
        own = kind in (privileges.COLUMN, privileges.SEQUENCE, privileges.FUNCTION)
        # What postgresql_privs has no words for. The database is the master user's, what is in it the owner's.
        who = migrations.as_owner(connection, wanted.schema, wanted.owner) if kind != privileges.DATABASE else nullcontext()
        with who:
            for some in ([right for right in group["privileges"] if right not in rights], rights if own else []):
                for name in group["objects"] if some else ():
                    connection.execute(privileges.statement(state, wanted.schema, name, group["roles"], some, wanted.database))
        if own or not rights:
            return
        call = {"state": state, "roles": ",".join(group["roles"]), "privs": ",".join(rights), "type": kind}
        if kind == privileges.DATABASE:
            call["objs"] = wanted.database
        elif kind == privileges.SCHEMA:
            call |= {"objs": wanted.schema, **owner}
        else:
            call |= {"objs": ",".join(group["objects"]), "schema": wanted.schema, **owner}
        self.community("postgresql_privs", call)
