# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one runner of every tier module: arguments in, plan and result out.

A tier module is a ``Tier`` and a call of ``run_module``. The action plugin ``tier`` calls ``run`` with the same Tier inside the
controller's process; what either returns is the same.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .kinds import prunable
from .reconcile.errors import EngineError, InvalidInput, MissingDependency, Refusal, Refused
from .reconcile.graph import Graph
from .reconcile.overlay import Overlay
from .reconcile.ownership import PREFIX, Owner
from .reconcile.reconciler import Outcome, Reconciler
from .reconcile.resource import Context, Kind, Resource
from .reconcile.result import as_result, failure_message, refusals

if TYPE_CHECKING:
    from .aws.session import Connection

NAME = re.compile(r"^[a-z](-?[a-z0-9])*$")
# First parts of names that AWS keeps for itself: alias/aws/..., sg-...
RESERVED_NAMES = ("aws", "sg")
# In names of a declaration that is only validated: no call has told the account yet.
NO_ACCOUNT = "0" * 12
TAG = re.compile(r"^[\w\s.:/=+\-@]*$")
VERBS = ("apply", "start", "await", "validate", "plan", "drift", "destroy", "adopt")
# Verbs that make the account like the configuration.
WRITING = ("apply", "start", "await")
# Verbs that only tell what they would do until they are confirmed with the deployment's name.
CONFIRMED = ("destroy", "adopt")


def deployment_of(params: Mapping[str, Any], region: str) -> str:
    """The deployment's name: the one that is given, else environment and region."""
    return params.get("deployment") or f"{params['environment']}-{region}"


def common_spec() -> dict[str, dict[str, Any]]:
    """The arguments of every tier, besides amazon.aws's own (region, credentials, endpoint)."""
    return {
        "environment": {"type": "str", "required": True},
        "deployment": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "verb": {"type": "str", "choices": list(VERBS), "default": "apply"},
        "confirm": {"type": "str"},
        "confirm_data": {"type": "str"},
        "lift_deletion_protection": {"type": "bool", "default": False},
        "prune": {"type": "list", "elements": "str", "default": []},
        "drift_ignores": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"address": {"type": "str", "required": True}, "reason": {"type": "str", "required": True}},
        },
        "plan_file": {"type": "str"},
        "plan_max_age": {"type": "int", "default": 1440},
        "tags": {"type": "dict", "default": {}},
        "ignored_tag_prefixes": {"type": "list", "elements": "str", "default": []},
        "planned": {"type": "dict"},
        "approved": {"type": "dict"},
        "approved_for": {"type": "dict"},
    }


@dataclass(frozen=True)
class Place:
    """Where a declaration is for: what names and ARNs are made of. ``caller_arn``: who runs; empty where no call has told it."""

    environment: str
    deployment: str
    region: str
    account_id: str
    partition: str
    caller_arn: str = ""

    def arn(self, service: str, resource: str, region: str | None = None, account: str | None = None) -> str:
        """``region`` and ``account``: empty where AWS leaves them out of the service's ARNs; default: the deployment's."""
        where = self.region if region is None else region
        who = self.account_id if account is None else account
        return f"arn:{self.partition}:{service}:{where}:{who}:{resource}"

    def as_dict(self) -> dict[str, str]:
        return {
            "deployment": self.deployment,
            "environment": self.environment,
            "region": self.region,
            "account": self.account_id,
        }


@dataclass(frozen=True)
class Tier:
    """One tier of the platform.

    ``spec``: the argument spec of its own arguments. ``check``: raises InvalidInput, naming the variable, the value and the
    accepted range, before the first call of any API; gets the parameters and the region. ``declare``: the desired resources.
    ``looks_up``: the kinds of other tiers' resources that ``declare`` refers to.
    """

    name: str
    spec: Mapping[str, Mapping[str, Any]]
    kinds: Sequence[Kind]
    declare: Callable[[Mapping[str, Any], Place], list[Resource]]
    check: Callable[[Mapping[str, Any], str], None]
    looks_up: Sequence[Kind] = ()
    # Kinds of what is none of ours, which a drift looks for among what is.
    walks: Sequence[Kind] = ()

    def argument_spec(self) -> dict[str, Any]:
        return {**common_spec(), **{name: dict(option) for name, option in self.spec.items()}}

    def walks_of(self, verb: str) -> tuple[Kind, ...]:
        """The kinds that the verb looks through besides the tier's own."""
        if verb != "drift":
            return ()
        from .resources.tagged import Tagged

        return (Tagged(), *self.walks)

    def services(self, walks: Sequence[Kind] = ()) -> set[str]:
        return {service for kind in (*self.kinds, *self.looks_up, *walks) for service in kind.services}


@dataclass
class RunOptions:
    """How to run: what Ansible gives every module, and where progress goes.

    ``progress(address, state, seconds)`` is told of each look of a wait, ``counted(done, total)`` of the actions.
    ``callers``: fingerprint of a connection -> account and ARN of its caller, as far as the run knows; told what it did not know.
    ``calls``: threads for the API's calls, where they are not the tier's own.
    """

    check_mode: bool = False
    diff_mode: bool = False
    progress: Callable[[str, str, float], None] = lambda address, state, seconds: None
    counted: Callable[[int, int], None] = lambda done, total: None
    callers: dict[str, dict[str, str]] = field(default_factory=dict)
    calls: Executor | None = None


@dataclass(frozen=True)
class Idle:
    """A tier in which nothing is to be done: its result, without ``planned``; what it tells of what stands, as the overlay has it;
    and the tiers to whose resources it refers."""

    result: dict[str, Any]
    standing: dict[str, dict[str, Any]]
    rests_on: list[str]


def nothing_done() -> dict[str, Any]:
    """The result of a run that had nothing to look at."""
    return {"changed": False, "plan": [], "resources": {}, "unmanaged": [], "kept": []}


def run(tier: Tier, params: Mapping[str, Any], options: RunOptions) -> dict[str, Any]:
    """Run a tier with validated ``params``; return Ansible's result dictionary, with ``failed`` and ``msg`` when it failed.

    ``planned`` in the result is the overlay of this run, for the next tier of the same check-mode run; ``place`` tells
    deployment, environment, region and account once the account is known.
    """
    try:
        return _run(tier, params, options)
    except Refused as error:
        return {"failed": True, "changed": False, "msg": str(error), "refusals": refusals(error.refusals)}
    except EngineError as error:
        return {"failed": True, "changed": False, "msg": str(error)}


def _run(tier: Tier, params: Mapping[str, Any], options: RunOptions) -> dict[str, Any]:
    verb = params["verb"]
    connection, place = _checked(tier, params)
    if verb == "validate":
        Graph(tier.declare(params, place))
        return nothing_done()
    overlay = Overlay(params.get("planned"))
    walks = tier.walks_of(verb)
    with _reconciler(tier, params, options, connection, place, overlay, walks) as (reconciler, place):
        try:
            outcome = _work(reconciler, params, tier.declare(params, place), walks)
        except MissingDependency as error:
            if verb in WRITING:
                raise
            # What only looks goes on with the other tiers.
            refused = refusals([Refusal(error.address, str(error))])
            return {**nothing_done(), "refusals": refused, "place": place.as_dict(), "planned": overlay.as_dict()}
    result = as_result(outcome, options.diff_mode)
    result["planned"] = overlay.as_dict()
    result["place"] = place.as_dict()
    if outcome.failures:
        result.update(failed=True, msg=failure_message(outcome))
    return result


def idle(
    tier: Tier, params: Mapping[str, Any], options: RunOptions, overlay: Overlay, turn: Callable[[], Collection[str]]
) -> Idle | None:
    """What a run finds in which nothing is to be done; None where something is, or is refused, or may be because of a tier to which
    this one refers. Never writes, whatever the verb, which has to be one that makes the account like the configuration.

    ``overlay`` is shared with the tiers before and after, and ``turn`` returns when it is this tier's, with those before it in
    which something is to be done; all are of one place. Raises EngineError and what the API raises.
    """
    connection, place = _checked(tier, params)
    with _reconciler(tier, params, options, connection, place, overlay) as (reconciler, place):
        outcome, rests_on = reconciler.idle(tier.declare(params, place), turn)
    if outcome is None:
        return None
    result = {**as_result(outcome, options.diff_mode), "place": place.as_dict()}
    standing = {address: overlay.standing[address] for address in outcome.resources if address in overlay.standing}
    return Idle(result, standing, sorted(rests_on))


def _checked(tier: Tier, params: Mapping[str, Any]) -> tuple[Connection, Place]:
    """The connection, and the place as far as no call has told it. Raises InvalidInput."""
    from .aws.session import Connection

    connection = Connection(params)
    deployment = deployment_of(params, connection.region)
    check_common(params, deployment)
    check_confirmations(params, deployment)
    tier.check(params, connection.region)
    return connection, Place(params["environment"], deployment, connection.region, NO_ACCOUNT, connection.partition)


@contextmanager
def _reconciler(
    tier: Tier,
    params: Mapping[str, Any],
    options: RunOptions,
    connection: Connection,
    place: Place,
    overlay: Overlay,
    walks: Sequence[Kind] = (),
) -> Iterator[tuple[Reconciler, Place]]:
    """The engine at the account, and the place with the account in it."""
    from .aws.api import opened
    from .aws.errors import LostAnswer, explain

    ignored = tuple(params.get("ignored_tag_prefixes") or ())
    owner = Owner(place.deployment, place.environment, tier.name, params.get("tags") or {}, ignored)
    api = opened(connection, tier.services(walks), options.callers, options.calls)
    try:
        place = dataclasses.replace(place, account_id=api.account_id, caller_arn=api.caller_arn)
        overlay.is_at(place.as_dict())
        check_approved_place(params.get("approved_for"), place)
        destroys = params["verb"] == "destroy"
        takes_data, lifts = (destroys and bool(params.get(name)) for name in ("confirm_data", "lift_deletion_protection"))
        context = Context(api, owner, options.progress, destroys, takes_data, lifts)
        looks = options.check_mode or only_looks(params)
        reconciler = Reconciler(
            context,
            tier.kinds,
            looks,
            overlay,
            explain,
            lost=lambda error: isinstance(error, LostAnswer),
            start=params["verb"] == "start",
            show_refusals=looks and params["verb"] not in WRITING,
            approved=params.get("approved"),
            counted=options.counted,
        )
        yield reconciler, place
    finally:
        api.close()


def only_looks(params: Mapping[str, Any]) -> bool:
    """Whether the verb by itself, whatever Ansible's mode, writes nothing."""
    return params["verb"] not in (*WRITING, *CONFIRMED) or (params["verb"] in CONFIRMED and not params.get("confirm"))


def _work(reconciler: Reconciler, params: Mapping[str, Any], resources: list[Resource], walks: Sequence[Kind]) -> Outcome:
    verb = params["verb"]
    if verb == "destroy":
        return reconciler.absent(resources, keep_data=not params.get("confirm_data"))
    gone = params["state"] == "absent"
    if verb == "adopt":
        return reconciler.adopt([] if gone else resources)
    if verb == "drift":
        return reconciler.drift([] if gone else resources, walks)
    if gone:
        return reconciler.absent(resources)
    return reconciler.present(resources, params.get("prune") or ())


def check_confirmations(params: Mapping[str, Any], deployment: str) -> None:
    """Raises InvalidInput for a confirmation that names another deployment."""
    for argument, variable in (("confirm", "confirm"), ("confirm_data", "destroy_data")):
        given = params.get(argument)
        if given and given != deployment:
            raise InvalidInput(f"{variable}: {given!r} is not this deployment; to confirm, name it: -e {variable}={deployment}")


def check_approved_place(approved_for: Mapping[str, str] | None, place: Place) -> None:
    """Raises InvalidInput where what was approved is for elsewhere."""
    here = place.as_dict()
    for name, value in (approved_for or {}).items():
        if here[name] != value:
            raise InvalidInput(f"platform_plan: the plan is for {name} {value}, and this is {here[name]}; make a plan of this one")


def check_common(params: Mapping[str, Any], deployment: str) -> None:
    """Raises InvalidInput for names and tags that AWS could not carry."""
    environment = params["environment"]
    for variable, name, longest in (("environment", environment, 16), ("deployment", deployment, 48)):
        if not NAME.fullmatch(name) or not 2 <= len(name) <= longest or name in RESERVED_NAMES:
            raise InvalidInput(
                f"platform_{variable}: {name!r} cannot be part of AWS names: use 2 to {longest} lower-case letters, digits and "
                f"single hyphens, beginning with a letter and not ending with a hyphen, and none of {', '.join(RESERVED_NAMES)}"
            )
    for name in params.get("prune") or ():
        if name.partition("/")[0] not in prunable() or not name.partition("/")[2]:
            raise InvalidInput(
                f"platform_prune: {name!r} is no address of a resource that this collection manages: use addresses as "
                f"playbooks/drift.yml prints them, which begin with one of {', '.join(prunable())}; delete anything else by hand"
            )
    if environment.startswith("sg-"):
        raise InvalidInput(
            f"platform_environment: {environment!r} cannot begin with sg-, which EC2 takes for a security group's id: use 2 to 16 "
            "lower-case letters, digits and single hyphens that begin otherwise"
        )
    tags = params.get("tags") or {}
    if len(tags) > 40:
        raise InvalidInput(f"platform_tags: {len(tags)} tags: AWS takes 50 a resource and some are ours, so give at most 40")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or not TAG.match(key) or key.startswith(("aws:", PREFIX)):
            raise InvalidInput(
                f"platform_tags: key {key!r} cannot be used: 1 to 128 letters, digits, spaces and . : / = + - @ _, not beginning "
                f"with aws: or {PREFIX}"
            )
        if not isinstance(value, str) or len(value) > 256 or not TAG.match(value):
            raise InvalidInput(
                f"platform_tags: the value {value!r} of {key!r} cannot be used: a string of at most 256 letters, digits, spaces "
                "and . : / = + - @ _"
            )


def run_module(tier: Tier) -> None:
    """The module's whole ``main``: the way a tier runs when it is delegated to another machine."""
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

    module = AnsibleAWSModule(argument_spec=tier.argument_spec(), supports_check_mode=True)
    result = run(tier, module.params, RunOptions(check_mode=module.check_mode, diff_mode=module._diff))
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
