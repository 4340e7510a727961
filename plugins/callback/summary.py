# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: summary
type: aggregate
version_added: 0.1.0
short_description: End a run with what it did
description:
  - Tells for each host what the tiers did, or in check mode would do, after the recap. A line for each address with the fields that
    changed, what failed and what was therefore not applied, what was refused, and what carries our tags without being configured.
  - Where nothing of that happened it tells nothing. Where the run ended with a report, such as C(playbooks/plan.yml), it shows that
    instead.
  - It writes to standard output like the rest of the run, but keeps silent beside an output plugin for machines (one with C(json)
    in its name), whose document has it all.
  - What a task with C(no_log) did stays untold.
author:
  - agent_platform contributors (@agent-platform)
requirements:
  - enabled in C(ansible.cfg), as C(callbacks_enabled = agent_platform.aws.summary)
"""

from typing import Any

from ansible import constants as C
from ansible.plugins.callback import CallbackBase
from ansible_collections.agent_platform.aws.plugins.module_utils.report.summary import summarise
from ansible_collections.agent_platform.aws.plugins.module_utils.report.text import lines

COLLECTION = "agent_platform.aws."
# What is asked before the tiers, which nobody wants to read of in a summary.
BEFORE = tuple(COLLECTION + name for name in ("identity", "reach"))
REPORTS = tuple(COLLECTION + name for name in ("report", "redrive", "verify"))
# Verbs whose results tell what was done; those of the others are for their reports.
TOLD = ("apply", "start", "await")
# Verbs with a report in the end, which a run that failed does not reach.
REPORTED = ("destroy", "adopt")


class CallbackModule(CallbackBase):
    """Collects the tiers' results by host, and shows them at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "agent_platform.aws.summary"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display: Any = None, options: Any = None) -> None:
        super().__init__(display=display, options=options)
        self.results: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self.reports: dict[str, list[str]] = {}
        self.only_looked = True

    def v2_runner_on_ok(self, result):
        self._note(result, False)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._note(result, True)

    def _note(self, result: Any, failed: bool) -> None:
        action = getattr(result._task, "resolved_action", None) or result._task.action
        if not action.startswith(COLLECTION) or action in BEFORE:
            return
        host = result._host.get_name()
        # An output plugin that came first may have taken ``failed`` away.
        for item in result._result.get("results") or [{**result._result, "failed": failed}]:
            if action in REPORTS:
                self.reports.setdefault(host, []).extend(item.get("summary") or ())
            elif self._tells(_verb(item), result._task.check_mode) and (item.get("failed") or "plan" in item):
                self.results.setdefault(host, []).append((action.removeprefix(COLLECTION), item))
                self.only_looked &= bool(result._task.check_mode)

    @staticmethod
    def _tells(verb: str, check_mode: bool) -> bool:
        return verb in TOLD or (verb in REPORTED and not check_mode)

    def v2_playbook_on_stats(self, stats):
        if "json" in C.DEFAULT_STDOUT_CALLBACK:
            return
        shown = [self.reports.get(host) or self._told(host) for host in sorted({*self.results, *self.reports})]
        for told in filter(None, shown):
            self._display.display("\n".join([*told, ""]))

    def _told(self, host: str) -> list[str]:
        summary = summarise(self.results.get(host, ()))
        if not summary:
            return []
        title = f"{host} (check mode, nothing was changed)" if self.only_looked else host
        return lines(summary, title, done=not self.only_looked)


def _verb(item: Any) -> str:
    """The verb with which the tier ran; what failed before its arguments were read has none."""
    return ((item.get("invocation") or {}).get("module_args") or {}).get("verb") or "apply"
