# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudfront
version_added: 0.1.0
short_description: Keep the edge of the platform
description:
  - Keeps a CloudFront distribution behind the web ACL, and the load balancer C(<environment>-platform) that only it reaches,
    by its addresses and by a secret header.
  - Keeps the certificates of both, in us-east-1 and in the deployment's region, and the records that prove the domain and point
    to them.
  - Needs what M(agent_platform.aws.kms), M(agent_platform.aws.waf), M(agent_platform.aws.vpc) and M(agent_platform.aws.s3) keep.
  - The distribution is never replaced. The value of the secret is in no result, plan or diff.
author:
  - agent_platform contributors (@agent-platform)
options:
  domain:
    description:
      - Name under which the platform is reached. CloudFront answers for it, with a certificate that is proved by a record in the
        domain's hosted zone.
      - Without one CloudFront uses a name of its own, and speaks plain HTTP to the load balancer.
    type: str
  require_domain:
    description: Refuse to go without O(domain).
    type: bool
    default: true
  hosted_zone_id:
    description: Id of the public hosted zone that gets the records. Without one, the account's zone with the longest name that
      holds O(domain).
    type: str
  manage_zone:
    description: Keep a public hosted zone for O(domain) here. Certificates are issued once the registrar names its servers, which
      the result does.
    type: bool
    default: false
  origin_subdomain:
    description: Label below O(domain) under which CloudFront finds the load balancer, and which is in the load balancer's
      certificate.
    type: str
    default: origin
  alb_zones:
    description: Availability zones, two or more, in whose public subnets the load balancer stands.
    type: list
    elements: str
    required: true
  deletion_protection:
    description: Let AWS refuse to delete the load balancer.
    type: bool
    default: true
  idle_timeout_seconds:
    description: Seconds without a byte after which the load balancer ends a connection, 1 to 4000; above what CloudFront waits.
    type: int
    default: 120
  desync_mitigation:
    description: What the load balancer does with requests that servers could read in two ways.
    type: str
    choices: [defensive, strictest, monitor]
    default: strictest
  listener_tls_policy:
    description: Security policy of the listener, one that begins at TLS 1.2 and offers 1.3.
    type: str
    default: ELBSecurityPolicy-TLS13-1-2-2021-06
  target_protocol:
    description: Protocol of the ingress in the cluster. Another one makes a new target group in the place of the old.
    type: str
    choices: [HTTP, HTTPS]
    default: HTTP
  target_port:
    description: Port of the ingress's pods, 1 to 65535. Another one makes a new target group in the place of the old.
    type: int
    default: 8080
  health_check:
    description: How the load balancer finds out which pods are well.
    type: dict
    suboptions:
      path:
        description: Path that is asked for.
        type: str
        default: /healthz
      interval_seconds:
        description: Seconds from one check to the next, 5 to 300.
        type: int
        default: 15
      timeout_seconds:
        description: Seconds that an answer may take, 2 to 120 and less than O(health_check.interval_seconds).
        type: int
        default: 5
      healthy_count:
        description: Good answers after which a pod is well, 2 to 10.
        type: int
        default: 2
      unhealthy_count:
        description: Bad ones after which it is not, 2 to 10.
        type: int
        default: 3
      codes:
        description: Status codes of good answers, such as V(200), V(200,204) or V(200-299).
        type: str
        default: "200"
  deregistration_delay_seconds:
    description: Seconds for which a pod that goes may finish its answers, 0 to 3600.
    type: int
    default: 120
  origin_header:
    description: Header by which the load balancer knows CloudFront. Its value is a secret that is made at random and kept in
      Secrets Manager.
    type: str
    default: X-Origin-Verify
  origin_secret_rotation:
    description: A marker of your own, such as a date. Another one makes a new value; the one before stays valid until the next.
    type: str
  origin_secret_key:
    description: Name of the key that encrypts the secret, without the environment. M(agent_platform.aws.kms) keeps it.
    type: str
    required: true
  origin_secret_recovery_days:
    description: Days, 7 to 30, for which a deleted secret can be had back.
    type: int
    default: 30
  origin_read_timeout_seconds:
    description: Seconds that CloudFront waits for the next part of an answer, 1 to 120.
    type: int
    default: 60
  origin_keepalive_timeout_seconds:
    description: Seconds for which CloudFront keeps a connection to the load balancer that it does not use, 1 to 120.
    type: int
    default: 60
  viewer_tls:
    description: Least TLS for viewers, V(TLSv1.2_2021), V(TLSv1.2_2025) or V(TLSv1.3_2025). Without O(domain), CloudFront's own
      certificate comes with TLSv1.
    type: str
    default: TLSv1.2_2021
  price_class:
    description: Where CloudFront answers, V(PriceClass_100) (North America, Europe, Israel), V(PriceClass_200) or
      V(PriceClass_All).
    type: str
    default: PriceClass_100
  geo_restriction:
    description: Whether only O(geo_countries) get answers, or all but those.
    type: str
    choices: ["none", allow, deny]
    default: "none"
  geo_countries:
    description: Countries, as two capitals.
    type: list
    elements: str
    default: []
  hsts_max_age_seconds:
    description: Seconds for which a browser uses nothing but TLS (C(Strict-Transport-Security)).
    type: int
    default: 31536000
  hsts_subdomains:
    description: Let that hold for the names below O(domain), too.
    type: bool
    default: true
  content_security_policy:
    description: What a browser may load, where the application does not say.
    type: str
    default: "default-src 'none'; frame-ancestors 'none'"
  referrer_policy:
    description: What a browser tells other sites about where it came from (C(Referrer-Policy)).
    type: str
    default: no-referrer
  removed_headers:
    description: Headers of the application that viewers do not get, at most 10.
    type: list
    elements: str
    default: [server, x-powered-by]
  bucket_prefix:
    description: First part of the names of the buckets that M(agent_platform.aws.s3) keeps.
    type: str
    required: true
  log_bucket:
    description: Purpose of the bucket that gets the access logs, below C(alb/) and C(cloudfront/). It is the one that
      M(agent_platform.aws.s3) lets log delivery into.
    type: str
    default: access-logs
  log_format:
    description: Format of CloudFront's access logs. Another one makes the delivery anew.
    type: str
    choices: [json, plain, w3c, parquet]
    default: json
extends_documentation_fragment:
  - agent_platform.aws.tier
"""

EXAMPLES = r"""
- name: Keep the edge for a domain whose zone is in the account
  agent_platform.aws.cloudfront:
    environment: staging
    region: eu-west-1
    domain: agents.example.com
    alb_zones: [eu-west-1a, eu-west-1b]
    origin_secret_key: secrets
    bucket_prefix: agent

- name: See what a trial without a domain would take
  agent_platform.aws.cloudfront:
    environment: trial
    region: us-east-1
    require_domain: false
    deletion_protection: false
    alb_zones: [us-east-1a, us-east-1b]
    origin_secret_key: secrets
    bucket_prefix: agent
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
      sample: distribution/main
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

from ansible_collections.agent_platform.aws.plugins.module_utils.resources.acm import Certificate
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.cloudfront.distribution import Distribution
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.cloudfront.response_headers import ResponseHeadersPolicy
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.elb.listener import Listener, ListenerRule
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.elb.load_balancer import LoadBalancer
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.elb.target_group import TargetGroup
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.kms import Key
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.log_delivery import (
    Delivery,
    DeliveryDestination,
    DeliverySource,
)
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.origin_secret import OriginSecret
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.route53.records import CertificateValidation, DnsRecord
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.route53.zones import HostedZone
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.s3.bucket import Bucket
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.waf import WebAcl
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Tier, run_module
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import vpc_lookups
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.cloudfront import SPEC, declare
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.cloudfront_input import check

KINDS = (
    *(OriginSecret(), LoadBalancer(), TargetGroup(), Listener(), ListenerRule()),
    *(HostedZone(), Certificate(), CertificateValidation(), DnsRecord()),
    *(ResponseHeadersPolicy(), Distribution(), DeliverySource(), DeliveryDestination(), Delivery()),
)
TIER = Tier("cloudfront", SPEC, KINDS, declare, check, looks_up=(Key(), Bucket(), WebAcl(), *vpc_lookups.KINDS))


def main():
    run_module(TIER)


if __name__ == "__main__":
    main()
