# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a resource is: the vocabulary in which every kind of AWS resource is written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .delta import Delta, Field
from .errors import WaitFailed
from .ownership import Owner
from .waiter import Waiter, wait_gone, wait_ready


def _no_progress(address: str, state: str, seconds: float) -> None:
    """Progress goes nowhere unless the runner says where."""


@dataclass
class Context:
    """What a kind works with. ``api`` is the AWS access layer, opaque to the engine; ``owner`` makes and reads tags."""

    api: Any
    owner: Owner
    progress: Callable[[str, str, float], None] = _no_progress
    # A destroy also looks for what others made within what was ours.
    destroys: bool = False
    # A destroy takes what holds data too.
    destroy_data: bool = False
    # A destroy switches deletion protection off where it is on.
    lift_protection: bool = False


@dataclass
class Observed:
    """A resource as AWS has it.

    ``fields``: the values of the kind's fields (what is compared). ``attributes``: what others may refer to and what the
    result reports (``id``, ``arn``, ...); ``id`` is always among them. ``tags``: None for a kind that AWS cannot tag.
    ``broken``: why it cannot be used any more (a failed state). ``leaving``: AWS is already deleting it.
    ``remade``: AWS made it anew under our name after ours was deleted, so it is ours although it has no tags.
    ``in_the_way``: why it is somebody else's, of what stands where ours is to stand and cannot be handed over: a plan refuses with
    these words, and a deletion passes it over.
    """

    address: str
    id: str
    fields: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] | None = None
    state: str | None = None
    broken: str | None = None
    leaving: bool = False
    remade: bool = False
    in_the_way: str | None = None

    def __post_init__(self) -> None:
        self.attributes.setdefault("id", self.id)

    def value(self, attribute: str) -> Any:
        """The attribute, else the field, of that name. KeyError when the kind has neither: a mistake in a declaration."""
        if attribute in self.attributes:
            return self.attributes[attribute]
        return self.fields[attribute]


@dataclass
class Stranger(Observed):
    """What no configuration knows and yet lives among what is ours. ``why``: what makes it count. ``owned``: this tier owns it."""

    why: str = ""
    owned: bool = False


@dataclass(frozen=True)
class Block:
    """Why a deletion does not happen. ``refuse`` stops the whole run before a write; otherwise the resource is kept and listed,
    and so is what it rests on unless it stays ``alone``."""

    reason: str
    refuse: bool = False
    alone: bool = False


@dataclass(frozen=True)
class Left:
    """What a deletion leaves behind: what it is, with its name, and the ids or ARNs of what it cannot be read without.

    ``term``: how long it stays, if not until somebody deletes it.
    """

    text: str
    needs: tuple[str, ...] = ()
    term: str = ""


@dataclass
class Resource:
    """One desired resource. ``desired`` maps field names to values, which may hold Refs; unset or None is left alone.

    ``options`` steer the kind and are no state of the resource (a deletion window). ``after``: addresses that must exist
    first although no field refers to them. ``provider``: the tier that owns it, for a resource that this tier only
    looks up; such a resource is never written. ``tags``: extra tags of this resource alone.
    """

    kind: Kind
    name: str
    desired: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    provider: str | None = None

    @property
    def address(self) -> str:
        return f"{self.kind.name}/{self.name}"


@dataclass
class View(Context):
    """What ``observe`` sees: the context, the desired resources of its kind, and what other kinds observed.

    ``of(kind)`` waits for that kind, which the observing kind must name in ``observe_after``; ``desired(kind)``: its desired
    resources.
    ``resources`` is what natural names are taken from. ``thorough``: also look for what only tags can find, such as a resource
    whose making was cut off before it got its name; a kind may spare those reads when all that is desired was found.
    ``known``: for ``strangers``, what goes by which names (``names_of``) in this tier and in those before it.
    """

    resources: Sequence[Resource] = ()
    of: Callable[[str], dict[str, Observed]] = lambda kind: {}
    thorough: bool = False
    known: Collection[str] = ()
    desired: Callable[[str], list[Resource]] = lambda kind: []

    @classmethod
    def within(
        cls,
        context: Context,
        resources: Sequence[Resource],
        of: Callable[[str], dict[str, Observed]],
        thorough: bool,
        known: Collection[str] = (),
        desired: Callable[[str], list[Resource]] = lambda kind: [],
    ) -> View:
        """The view that ``context`` has of these resources."""
        return cls(**vars(context), resources=resources, of=of, thorough=thorough, known=known, desired=desired)


class Kind:
    """The behaviour of one kind of resource: a table and five functions. One stateless instance serves every resource.

    ``create`` makes the resource, tagged in the very call that makes it, and returns what it set; the engine then calls
    ``update`` for the fields that still differ. So a resource whose making was cut off is finished by the same code.
    """

    name: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]] = ()
    # Client names (service, or service@region) that the kind needs; made before any thread starts.
    services: ClassVar[tuple[str, ...]] = ()
    # True when it holds data: it is never replaced, never pruned, and a destroy keeps it unless told twice.
    stateful: ClassVar[bool] = False
    # What it encrypted cannot be read without it: none goes while anything that holds data is kept.
    guards: ClassVar[bool] = False
    # Its data can be read without any key.
    plain: ClassVar[bool] = False
    # True when too much stands upon it: it is never replaced, but holds no data.
    irreplaceable: ClassVar[bool] = False
    # False for what AWS cannot tag.
    tagged: ClassVar[bool] = True
    # Other tiers refer to it.
    referred: ClassVar[bool] = False
    # Set ``Name`` among the tags: for the services whose console shows it.
    name_tag: ClassVar[bool] = False
    # Kinds whose resources cannot be deleted while one of this kind stands.
    within: ClassVar[tuple[str, ...]] = ()
    # Kinds whose observations ``observe`` reads.
    observe_after: ClassVar[tuple[str, ...]] = ()
    # What is being deleted can still be taken back, by an update (a key, a secret).
    revivable: ClassVar[bool] = False
    # Others make it, or let go of it, while the rest is being deleted: a deletion looks for it once more in the end.
    aftermath: ClassVar[bool] = False
    # Others make it within what is ours, and it belongs to no configuration: only a destroy looks for it.
    leftover: ClassVar[bool] = False
    # The variable that sets the field ``deletion_protection``, for a kind that has one.
    protection: ClassVar[str] = ""
    # AWS makes and deletes it together with another resource: it is only ever adjusted.
    implicit: ClassVar[bool] = False
    waiter: ClassVar[Waiter | None] = None
    # What a person does about a resource that ended in a failed or stuck state.
    next_step: ClassVar[str] = "mend it and run again"

    def observe(self, view: View) -> Iterable[Observed]:
        """Everything of this kind that is desired or owned, in as few calls as the API allows."""
        raise NotImplementedError

    def find(self, view: View) -> Iterable[Observed]:
        """As ``observe``, for a tier that only refers to the resources: identity and attributes suffice."""
        return self.observe(view)

    def create(self, context: Context, resource: Resource) -> Observed:
        """Make it, with ``resource.desired`` resolved and ``resource.desired["tags"]`` complete; report what was set.

        ``tags`` of the answer stay None when all desired tags were set in the same call.
        """
        raise NotImplementedError

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        """Write the changed fields. A new value may rest on others of ``resource.desired``, which is resolved by then."""
        raise NotImplementedError

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """Delete it; what is already gone is no error."""
        raise NotImplementedError

    def refresh(self, context: Context, observed: Observed) -> str | None:
        """The current state, for the waiter; None once it does not exist."""
        raise NotImplementedError

    def reason(self, context: Context, observed: Observed) -> str:
        """Why AWS says that it ended in a failed or stuck state; empty where AWS does not say. Read only then."""
        return ""

    def wait_ready(self, context: Context, observed: Observed) -> None:
        """Return once it is ready. Raises WaitFailed with AWS's reason and the next step, or when time is up."""
        if self.waiter:
            wait_ready(
                self.waiter,
                observed.address,
                lambda: self.refresh(context, observed),
                context.progress,
                lambda state: self._failure(context, observed, state),
            )

    def wait_gone(self, context: Context, observed: Observed) -> None:
        """Return once it is gone. Raises WaitFailed when time is up."""
        if self.waiter:
            wait_gone(self.waiter, observed.address, lambda: self.refresh(context, observed), context.progress)

    def is_ready(self, context: Context, observed: Observed) -> bool:
        """One look. Raises WaitFailed for a state that no waiting ends."""
        if not self.waiter:
            return True
        state = self.refresh(context, observed)
        if self.waiter.ends(state):
            raise WaitFailed(self._failure(context, observed, str(state)))
        return state in self.waiter.ready

    def _failure(self, context: Context, observed: Observed, state: str) -> str:
        reason = self.reason(context, observed).rstrip(".")
        verb = "ended" if self.waiter and state in self.waiter.failed | self.waiter.stuck else "is"
        return f"{observed.address} {verb} in state {state}{': ' + reason if reason else ''}; {self.next_step}"

    def planned(self, context: Context, resource: Resource) -> Mapping[str, Any]:
        """The attributes that are known before creation because AWS derives them from the name (an ARN, say)."""
        return {}

    def blocks_replace(self, resource: Resource, observed: Observed) -> str | None:
        """The way out where a usable one is not made anew for a field that AWS cannot change; None: it is."""
        return None

    def successor(self, resource: Resource, observed: Observed) -> Resource:
        """What is made in the place of ``observed``: ``resource`` (resolved), with what other actors set of the old one."""
        return resource

    def unprotect(self, context: Context, observed: Observed) -> None:
        """Switch deletion protection off, and return once ``delete`` can follow."""
        raise NotImplementedError

    def holds(self, context: Context, observed: Observed) -> str | None:
        """Of a kind that is not stateful: what data it holds just now, in words. Asked where a destroy keeps data."""
        return None

    def serves(self, observed: Observed) -> Iterable[str]:
        """Ids of what cannot do without it although nothing in the configuration says so: it stays while one of them does."""
        return ()

    def occupies(self, observed: Observed) -> Iterable[str]:
        """Ids of what cannot go while it stands, whoever made it: asked of what is not ours."""
        return ()

    def leaves(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> Left | None:
        """What ``delete`` will leave behind, such as a last snapshot, named here and now. Asked once, before it."""
        return None

    def left_before(self, context: Context, resources: Sequence[Resource]) -> Iterable[Left]:
        """What earlier deletions left behind and still stands. ``resources``: the desired ones of this kind."""
        return ()

    def strangers(self, view: View) -> Iterable[Stranger]:
        """For drift: what lives within our names or our network, of this kind, without our tags and outside the configuration.

        ``view.of`` knows every kind that this tier observed or looked up.
        """
        return ()

    def blocks_delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> Block | None:
        """Asked for each resource while an absent plan is made, with reads only."""
        return None
