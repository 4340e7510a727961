"""All tiers of an environment in the test's own process, on snapshots of the local AWS."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.overlay import Overlay
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import RunOptions
from ansible_collections.agent_platform.aws.plugins.module_utils.together import idle_tiers

from local_aws.in_process import InProcessAws

from . import site, tiers
from .mutations import Scene

# Verbs whose tiers tell each other what they planned.
LOOKING = ("plan", "drift")
Results = dict[str, dict[str, Any]]


@dataclass
class WholeSite:
    """An environment, and the account as a run of it left it: ``full``, in which ``resources`` stand."""

    environment: str
    aws: InProcessAws
    full: Any = None
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    tier_of: dict[str, str] = field(default_factory=dict)
    client: Callable[..., Any] = field(default_factory=lambda: functools.cache(boto3.client))

    @classmethod
    def deployed(cls, environment: str, aws: InProcessAws) -> WholeSite:
        """In an account that is empty before."""
        aws.reset()
        whole = cls(environment, aws)
        for tier, result in whole.run("apply").items():
            assert not result.get("failed"), result
            whole.resources |= result["resources"]
            whole.tier_of |= dict.fromkeys(result["resources"], tier)
        whole.full = aws.snapshot()
        return whole

    @functools.cached_property
    def parameters(self) -> dict[str, dict[str, Any]]:
        return site.parameters(self.environment)

    def scene(self, rng: random.Random) -> Scene:
        return Scene(self.environment, self.resources, self.tier_of, rng, client=self.client)

    def steps(self, verb: str, *only: str, **more: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """(tier, result) in the order of the site; a run that writes ends with the first tier that fails, as a play does."""
        planned = None
        for tier, parameters in self.parameters.items():
            if only and tier not in only:
                continue
            result = tiers.attempt(tiers.load(tier), {**parameters, "verb": verb, "planned": planned, **more})
            yield tier, result
            if verb in LOOKING:
                planned = result.get("planned", planned)
            elif result.get("failed"):
                return

    def run(self, verb: str, *only: str, **more: Any) -> Results:
        return dict(self.steps(verb, *only, **more))

    def idle(self) -> Results:
        """What one pass over all tiers finds to be as it is to be, and no call was a write."""
        self.aws.clear_requests()
        together = [(tiers.load(tier), {**parameters, "verb": "apply"}) for tier, parameters in self.parameters.items()]
        found = idle_tiers(together, RunOptions(diff_mode=True), Overlay())
        assert [f"{call.service}:{call.operation}" for call in self.aws.writes()] == [], "a look wrote"
        return json.loads(json.dumps({tier: idle.result for tier, idle in found.items()}))

    def look(self, verb: str = "plan", **more: Any) -> Results:
        """As ``run``, and no call was a write."""
        self.aws.clear_requests()
        found = self.run(verb, **more)
        assert [f"{call.service}:{call.operation}" for call in self.aws.writes()] == [], f"verb {verb} wrote"
        return found
