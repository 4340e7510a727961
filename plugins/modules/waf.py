# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: waf
version_added: 0.1.0
short_description: Keep the web ACL before the platform
description:
  - Keeps the web ACL C(<deployment>-edge) for CloudFront, with a rate limit, rule groups that AWS keeps and rules of one's own, and
    the log group C(aws-waf-logs-<deployment>) of what it did. Both stand in us-east-1, whatever the deployment's region is.
  - Asks WAF what the rules weigh, and whether it accepts them, before anything is written, in check mode too.
  - When logging begins, WAF itself lets its delivery service write to the log group, which the caller has to be allowed to bring
    about (C(logs:CreateLogDelivery), C(logs:PutResourcePolicy), C(logs:DescribeResourcePolicies), C(logs:DescribeLogGroups)).
  - The web ACL is never replaced.
author:
  - agent_platform contributors (@agent-platform)
options:
  rate_limit:
    description: Requests that one source address may make within the window, 10 to 2000000000.
    type: int
    default: 2000
  rate_limit_window_seconds:
    description: Seconds over which WAF counts them, one of 60, 120, 300 and 600.
    type: int
    default: 300
  rate_limit_action:
    description: What happens to the requests above the limit; V(count) only counts them.
    type: str
    choices: [block, count]
    default: block
  rate_limit_priority:
    description: Place of the rate limit among the rules; WAF begins with the lowest number.
    type: int
    default: 10
  managed_rule_groups:
    description: Rule groups that AWS or a vendor keeps.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the rule and of its metric, unique; 1 to 128 letters, digits, C(_) and C(-).
        type: str
        required: true
      group:
        description: The group's own name, such as V(AWSManagedRulesSQLiRuleSet).
        type: str
        required: true
      vendor:
        description: Who keeps it.
        type: str
        default: AWS
      version:
        description: A version to stay at. Without one, the vendor's default version.
        type: str
      priority:
        description: Place among the rules, a number that no other rule has.
        type: int
        required: true
      action:
        description: V(enforce) lets the group's rules act; V(count) only counts what they would do.
        type: str
        default: enforce
      rule_actions:
        description: Actions of single rules of the group instead of their own, V(allow), V(block), V(captcha), V(challenge)
          or V(count).
        type: dict
  upload_paths:
    description:
      - Beginnings of the paths to which documents are uploaded. The common rule set's rule against bodies over 8 KiB
        (C(SizeRestrictions_BODY)) does not hold for them. It only labels, and a rule C(large-bodies) blocks what has
        the label and goes elsewhere.
      - With none, it holds everywhere.
    type: list
    elements: str
    default: []
  large_bodies_priority:
    description: Place of the rule that blocks large bodies to other paths; after the common rule set.
    type: int
    default: 50
  custom_rules:
    description:
      - Further rules, each as C(CreateWebACL) of the API takes it, with C(Name), C(Priority), C(Statement) and C(Action)
        (C(OverrideAction) for a rule group). Texts to search for are written as they are, not in base64.
      - C(VisibilityConfig) may be left out.
    type: list
    elements: dict
    default: []
  default_action:
    description: What happens to a request that no rule decided.
    type: str
    choices: [allow, block]
    default: allow
  sampled_requests:
    description:
      - Let WAF keep samples of requests, for three hours, to be seen in the console.
      - Samples show all headers, the redacted ones too.
    type: bool
    default: false
  max_capacity:
    description:
      - Web ACL capacity units that the rules may take, 1 to 5000. A run whose rules weigh more stops before it writes.
      - AWS charges more for requests to a web ACL of more than 1500.
    type: int
    default: 1500
  log_key:
    description:
      - Name of the key that encrypts the log group, without the environment.
      - A log group takes only a key of its own region, so a deployment outside us-east-1 uses O(log_key_arn), or else AWS's
        own encryption.
    type: str
    required: true
  log_key_arn:
    description: A key of us-east-1 to use instead of O(log_key). Its policy must let C(logs.us-east-1.amazonaws.com) use it.
    type: str
  log_retention_days:
    description: Days that the log is kept; one of the numbers that CloudWatch Logs takes.
    type: int
    default: 90
  log_redacted_headers:
    description: Headers whose values stay out of the log.
    type: list
    elements: str
    default: [authorization]
extends_documentation_fragment:
  - agent_platform.aws.tier
"""

EXAMPLES = r"""
- name: Keep a web ACL that only counts what the common rule set finds
  agent_platform.aws.waf:
    environment: staging
    region: eu-west-1
    log_key: logs
    rate_limit: 500
    rate_limit_window_seconds: 60
    managed_rule_groups:
      - name: common
        group: AWSManagedRulesCommonRuleSet
        priority: 40
        action: count
    upload_paths: [/uploads/]

- name: Let nobody in but two countries
  agent_platform.aws.waf:
    environment: staging
    region: us-east-1
    log_key: logs
    managed_rule_groups: []
    custom_rules:
      - Name: elsewhere
        Priority: 5
        Statement:
          NotStatement:
            Statement:
              GeoMatchStatement:
                CountryCodes: [DE, FR]
        Action:
          Block: {}
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
      sample: web_acl/edge
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
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.logs import EdgeLogGroup
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.waf import WebAcl
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Tier, run_module
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.waf import SPEC, check, declare

TIER = Tier("waf", SPEC, (EdgeLogGroup(), WebAcl()), declare, check, looks_up=(Key(),))


def main():
    run_module(TIER)


if __name__ == "__main__":
    main()
