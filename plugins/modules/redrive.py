#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redrive
version_added: 0.1.0
short_description: Look into dead letters, and send them back
description:
  - Tells of each dead-letter queue of the deployment how much is in it, how old it is, and a few messages without what is in them.
    What it looks at it gives back at once.
  - With O(replay) it moves dead letters back to the queue that they come from, by SQS's own move task where the service offers it
    and by receiving, sending and deleting otherwise. Whatever is killed in between loses no message; one batch of at most 10 can
    be in both queues then.
  - It works on the queues that carry the deployment's ownership tags, whatever the configuration says now.
author:
  - agent_platform contributors (@agent-platform)
options:
  environment:
    description: The environment, the first part of every queue's name.
    type: str
    required: true
  deployment:
    description: The value of the ownership tag C(agent-platform:deployment). Defaults to the environment and the region.
    type: str
  queues:
    description: The queues to look into, by the topic's name or the queue's. All of them when empty.
    type: list
    elements: str
    default: []
  replay:
    description:
      - The queue whose dead letters are to go back to it, by the topic's name or the queue's; several with commas; V(all) for every
        one.
      - Without it nothing is moved.
    type: str
  cancel:
    description: The queue, or V(all), whose running move task is to be ended. What it has moved stays moved.
    type: str
  rate:
    description: Messages a second, 1 to 500; V(0) leaves it to SQS, or goes as fast as it can.
    type: int
    default: 10
  limit:
    description: How many messages of each queue to move, at most; V(0) moves what is there. SQS's own move knows no limit, so with
      one it is not used.
    type: int
    default: 0
  way:
    description:
      - V(task) is SQS's own move task, V(messages) is receive, send, delete.
      - V(auto) takes the first where the service offers it.
    type: str
    choices: [auto, task, messages]
    default: auto
  sample:
    description: How many messages of each queue to look at, 0 to 10.
    type: int
    default: 3
  show_bodies:
    description: Whether a look shows bodies as they are, instead of the names, types and lengths of what is in them.
    type: bool
    default: false
  wait_seconds:
    description: How long to follow a move task, which goes on by itself after that.
    type: int
    default: 3600
  path:
    description: A JSON file for the result, written where Ansible runs.
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: It only counts, since to receive a message is to write.
  diff_mode:
    support: none
    description: It has no differences to show.
"""

EXAMPLES = r"""
- name: Look into the dead letters
  agent_platform.aws.redrive:
    environment: prod
    region: us-east-1

- name: Send at most a hundred back, five a second
  agent_platform.aws.redrive:
    environment: prod
    region: us-east-1
    replay: ticket-events
    limit: 100
    rate: 5
"""

RETURN = r"""
queues:
  description: Each queue that was looked into or replayed.
  returned: success
  type: list
  elements: dict
  contains:
    queue:
      description: The queue that consumers read.
      type: str
    dead_letter_queue:
      description: Where its dead letters are.
      type: str
    visible:
      description: Dead letters that can be received, before anything was moved; approximate, as all counts of SQS.
      type: int
    in_flight:
      description: Dead letters that somebody holds.
      type: int
    sample:
      description: Messages looked at, each with C(id), C(age_seconds), C(receives), C(attributes) and C(body), both without values.
      type: list
      elements: dict
    oldest_seconds:
      description: Age of the oldest message looked at, since it was first sent.
      type: int
    moved:
      description: How many went back.
      type: int
    way:
      description: V(task) or V(messages).
      type: str
    failed:
      description: Id of a message to the reason why it stayed.
      type: dict
    left:
      description: The counts afterwards.
      type: dict
summary:
  description: The same for people.
  returned: success
  type: list
  elements: str
"""

from ansible_collections.agent_platform.aws.plugins.module_utils.redrive.tool import TOOL
from ansible_collections.agent_platform.aws.plugins.module_utils.tool_module import run_module


def main():
    run_module(TOOL)


if __name__ == "__main__":
    main()
