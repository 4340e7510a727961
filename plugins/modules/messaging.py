#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: messaging
version_added: 0.1.0
short_description: Keep the platform's topics and queues
description:
  - Keeps, for each of O(topics), an SNS topic and an SQS queue C(<environment>-<name>), a dead-letter queue
    C(<environment>-<name>-dlq), and the subscription of the queue to the topic. All are encrypted with keys that
    M(agent_platform.aws.kms) keeps.
  - Principals of this account publish, only the topic sends to its queue, only the queue uses its dead-letter queue, and all
    that over TLS.
  - Topics and queues are never replaced.
author:
  - agent_platform contributors (@agent-platform)
options:
  topics:
    description: The topics. Each may set aside some of the common values for its own queue.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The topic's name without the environment, unique.
          - Letters, digits, C(_) and C(-); at most 80 characters with the environment before it and C(-dlq) behind.
        type: str
        required: true
      display_name:
        description: Name that people see, at most 100 characters.
        type: str
      filter_policy:
        description:
          - Which messages reach the queue, as SNS's filter policy. Without one, all do.
          - At most 5 keys, each with a list of accepted values, and 150 combinations of them.
        type: dict
      filter_policy_scope:
        description: Whether the filter looks at the message's attributes, which is the default, or at its JSON body.
        type: str
        choices: [MessageAttributes, MessageBody]
      publishers:
        description:
          - AWS services that may publish too, for this account.
          - One or more of V(cloudwatch.amazonaws.com), V(events.amazonaws.com) and V(s3.amazonaws.com), which the key admits.
        type: list
        elements: str
      retention_days:
        description: As O(retention_days), for this queue alone.
        type: int
      max_receive_count:
        description: As O(max_receive_count), for this queue alone.
        type: int
      visibility_timeout_seconds:
        description: As O(visibility_timeout_seconds), for this queue and its dead-letter queue alone.
        type: int
  topic_key:
    description: Name of the key that encrypts the topics, without the environment.
    type: str
    required: true
  queue_key:
    description: Name of the key that encrypts the queues, without the environment.
    type: str
    required: true
  retention_days:
    description: Days that a queue keeps a message, 1 to 14.
    type: int
    default: 7
  dlq_retention_days:
    description:
      - Days that a dead-letter queue keeps a message, at most 14 and not less than O(retention_days).
      - They count from the message's first sending.
    type: int
    default: 14
  max_receive_count:
    description: After how many receives a message that is not deleted goes to the dead-letter queue, 1 to 1000.
    type: int
    default: 5
  visibility_timeout_seconds:
    description:
      - Seconds that a received message stays hidden from other consumers.
      - At least six times O(consumer_timeout_seconds), at most 43200.
    type: int
    default: 180
  consumer_timeout_seconds:
    description: Seconds after which a consumer gives up on a message, 1 to 7200.
    type: int
    default: 30
  long_polling_seconds:
    description: Seconds that a receive waits for a message, 0 to 20.
    type: int
    default: 20
  max_message_bytes:
    description: Size of the largest message, 1024 to 262144.
    type: int
    default: 262144
  data_key_reuse_seconds:
    description: Seconds that SQS uses a data key before it asks KMS for the next one, 60 to 86400.
    type: int
    default: 300
  raw_delivery:
    description: Deliver messages as they were published, without SNS's envelope.
    type: bool
    default: true
  keep_undeliverable:
    description: Put what SNS cannot deliver to a queue into the queue's dead-letter queue.
    type: bool
    default: true
  tracing:
    description: V(PassThrough) hands a publisher's X-Ray header on; V(Active) also sends the topic's own segments to X-Ray.
    type: str
    choices: [PassThrough, Active]
    default: PassThrough
extends_documentation_fragment:
  - agent_platform.aws.tier
"""

EXAMPLES = r"""
- name: Keep two topics with their queues
  agent_platform.aws.messaging:
    environment: staging
    region: us-east-1
    topic_key: messages
    queue_key: messages
    topics:
      - name: ticket-events
      - name: action-requests
        retention_days: 2
        filter_policy:
          kind: [refund, escalation]

- name: Show what would change if messages were kept for a day
  agent_platform.aws.messaging:
    environment: staging
    region: us-east-1
    topic_key: messages
    queue_key: messages
    topics:
      - name: ticket-events
    retention_days: 1
  check_mode: true
  diff: true
"""

RETURN = r"""
plan:
  description: The changes, made or (in check mode) to be made.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: Kind and name.
      type: str
      sample: kms_key/storage
    action:
      description: C(create), C(update), C(replace) or C(delete).
      type: str
    fields:
      description: Each field that changes, with C(old) and C(new).
      type: list
      elements: dict
resources:
  description: What stands, by address, with ids, ARNs and names.
  returned: success
  type: dict
unmanaged:
  description: Addresses that carry this tier's ownership tags but are no longer in the configuration.
  returned: success
  type: list
  elements: str
kept:
  description: What O(state=absent) left standing, each with its reason.
  returned: success
  type: list
  elements: dict
awaiting:
  description: Addresses that O(verb=start) began or left, and O(verb=await) finishes.
  returned: when O(verb=start) left something
  type: list
  elements: str
"""

from ansible_collections.agent_platform.aws.plugins.module_utils.resources.kms import Key
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.sns import Subscription, Topic
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.sqs import Queue
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Tier, run_module
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.messaging import SPEC, check, declare

TIER = Tier("messaging", SPEC, (Topic(), Queue(), Subscription()), declare, check, looks_up=(Key(),))


def main():
    run_module(TIER)


if __name__ == "__main__":
    main()
