#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rds
version_added: 0.1.0
short_description: Keep the platform's PostgreSQL database
description:
  - Keeps an RDS database instance C(<environment>-<name>) for PostgreSQL on port 5432, in the database subnets and the security
    group that M(agent_platform.aws.vpc) keeps, with its subnet group, parameter group, log groups and the role of its monitoring.
  - RDS makes the master password, keeps it in Secrets Manager and rotates it; it is in no variable and no result.
  - The instance is never replaced. A change that AWS cannot make in place, a downgrade, a major upgrade without
    O(allow_major_upgrade) and a maximum of storage below what stands are refused before anything is changed.
  - AWS needs many minutes to make an instance; O(verb=start) does not wait for it.
author:
  - agent_platform contributors (@agent-platform)
options:
  key:
    description: Name of the key that encrypts the storage, the backups and the insights, without the environment. Cannot be
      changed later.
    type: str
    required: true
  password_key:
    description: Name of the key that encrypts the secret with the master password, without the environment. Cannot be changed
      later.
    type: str
    required: true
  log_key:
    description: Name of the key that encrypts the logs, without the environment.
    type: str
    required: true
  name:
    description:
      - The name of the database instance, and of what belongs to it, without the environment. Cannot be changed later.
      - Lower-case letters, digits and single hyphens, beginning with a letter; at most 63 with the environment before it.
    type: str
    default: agentdb
  database:
    description:
      - The database in the instance. Cannot be changed here later.
      - 1 to 63 letters, digits and C(_), beginning with a letter.
    type: str
    default: agentdb
  master_username:
    description:
      - The user who may do everything that RDS allows. Cannot be changed later.
      - 1 to 63 letters, digits and C(_), beginning with a letter. RDS makes the password, keeps it in Secrets Manager and
        rotates it every seven days.
    type: str
    default: agentadmin
  zones:
    description: Availability zones whose database subnets the instance may be in, two or more of those of the network.
    type: list
    elements: str
    required: true
  cluster_name:
    description: The EKS cluster that has to stand first. Empty for a database by itself.
    type: str
    default: ""
  engine_version:
    description:
      - PostgreSQL's version, such as V(17) or V(17.4). A major version alone leaves the minor one to AWS.
      - A newer minor version is taken in place, and one that AWS has taken already stays. See O(allow_major_upgrade).
    type: str
    default: "17"
  allow_major_upgrade:
    description:
      - Let another major version in O(engine_version) upgrade the database in place, with a downtime and no way back.
      - Without it such a change is refused.
    type: bool
    default: false
  auto_minor_version_upgrade:
    description: Let AWS take newer minor versions in the maintenance window.
    type: bool
    default: true
  instance_class:
    description:
      - Class of the instance. Those with a C(g) after their number run on Graviton and cost less.
      - Changing it interrupts the database for some minutes, with O(multi_az) for as long as a failover takes.
    type: str
    default: db.r6g.large
  multi_az:
    description: Keep a standby in another availability zone, which takes over within two minutes.
    type: bool
    default: true
  replicas:
    description:
      - Read replicas, of which only V(0) is accepted, since RDS makes none of a PostgreSQL database whose master password it
        manages itself, and a password that is kept and rotated otherwise is not offered.
      - Scale up instead, or feed a database made outside of this collection by logical replication.
    type: int
    default: 0
  allocated_storage:
    description:
      - Storage to begin with, in GiB, 20 to 65536, of type gp3.
      - Raising it enlarges the database in place. It never shrinks; what it has grown to by itself is left alone, also when
        this is less.
      - AWS takes one change of the storage in six hours.
    type: int
    default: 100
  max_allocated_storage:
    description:
      - Size up to which AWS enlarges the storage when it fills, in GiB; a tenth more than O(allocated_storage) at least.
      - V(0) for storage that does not grow by itself.
    type: int
    default: 1000
  iops:
    description: Operations a second, 12000 to 64000, from 400 GiB on. V(0) leaves it as AWS sets it.
    type: int
    default: 0
  storage_throughput:
    description: MiB a second, 500 to 4000, and at most a quarter of O(iops), from 400 GiB on. V(0) leaves it as AWS sets it.
    type: int
    default: 0
  backup_retention_days:
    description: Days that automatic backups reach back, 1 to 35.
    type: int
    default: 30
  backup_window:
    description: When the daily backup is made (UTC), half an hour or more, outside O(maintenance_window).
    type: str
    default: "03:00-04:00"
  maintenance_window:
    description: When AWS may maintain the instance (UTC), half an hour to a day.
    type: str
    default: sun:05:00-sun:06:00
  force_ssl:
    description: Let nobody connect without TLS (C(rds.force_ssl)).
    type: bool
    default: true
  parameters:
    description:
      - Other parameters of PostgreSQL, in the parameter group of the major version; what is not named is the engine's default.
      - A static one waits for a reboot, which is never made here; RV(resources) says so by C(waiting_for_reboot).
    type: dict
    default: {}
  ca_certificate:
    description: The authority that signs the server's certificate.
    type: str
    choices: [rds-ca-rsa2048-g1, rds-ca-rsa4096-g1, rds-ca-ecc384-g1]
    default: rds-ca-rsa2048-g1
  iam_authentication:
    description: Let database users sign in with a token of IAM instead of a password.
    type: bool
    default: false
  monitoring_interval:
    description: Seconds between two measurements of the operating system (enhanced monitoring). V(0) for none.
    type: int
    choices: [0, 1, 5, 10, 15, 30, 60]
    default: 60
  insights_mode:
    description: Mode of CloudWatch Database Insights. V(advanced) costs by the vCPU, and needs O(insights_retention_days) of
      465 or more.
    type: str
    choices: [standard, advanced]
    default: standard
  insights_retention_days:
    description: Days that the measured load of the database is kept. 7, 731 or a multiple of 31 up to 713; 7 are free.
    type: int
    default: 7
  log_exports:
    description: Logs that are sent to CloudWatch, each to the log group C(/aws/rds/instance/<environment>-<name>/<log>).
    type: list
    elements: str
    choices: [postgresql, upgrade, iam-db-auth-error]
    default: [postgresql, upgrade]
  log_retention_days:
    description: Days that the logs are kept.
    type: int
    default: 90
  apply_immediately:
    description:
      - Make changes at once, also those that interrupt the database. Otherwise they wait for O(maintenance_window).
      - What waits is listed as C(scheduled) in RV(resources), and counts as done.
    type: bool
    default: true
  deletion_protection:
    description: Let nobody delete the instance. O(state=absent) refuses while it is on.
    type: bool
    default: true
  final_snapshot:
    description: Leave a snapshot C(<environment>-<name>-final-<time>) when O(state=absent) deletes the instance. It stays until
      somebody deletes it.
    type: bool
    default: true
  permissions_boundary:
    description: ARN of a policy that bounds the role of enhanced monitoring.
    type: str
extends_documentation_fragment:
  - agent_platform.aws.tier
"""

EXAMPLES = r"""
- name: Keep a database with a standby, which grows up to 500 GiB
  agent_platform.aws.rds:
    environment: staging
    region: us-east-1
    key: rds
    password_key: secrets
    log_key: storage
    zones: [us-east-1a, us-east-1b, us-east-1c]
    allocated_storage: 50
    max_allocated_storage: 500
    parameters:
      log_min_duration_statement: 250

- name: Show what a larger class would change
  agent_platform.aws.rds:
    environment: staging
    region: us-east-1
    key: rds
    password_key: secrets
    log_key: storage
    zones: [us-east-1a, us-east-1b, us-east-1c]
    instance_class: db.r6g.xlarge
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
      sample: db_instance/agentdb
    action:
      description: C(create), C(update), C(replace) or C(delete).
      type: str
    fields:
      description: Each field that changes, with C(old) and C(new).
      type: list
      elements: dict
resources:
  description:
    - What stands, by address, with ids, ARNs and names.
    - The instance also has C(endpoint), C(port), C(database), C(engine_version), C(master_secret_arn), C(waiting_for_reboot)
      (changed parameters wait for a reboot) and C(scheduled) (what waits for the maintenance window).
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

from ansible_collections.agent_platform.aws.plugins.module_utils.resources.eks.cluster import Cluster
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.iam import Role
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.kms import Key
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.logs import LogGroup
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.rds.instance import Instance
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.rds.parameter_group import ParameterGroup
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.rds.subnet_group import SubnetGroup
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Tier, run_module
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import vpc_lookups
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.rds import SPEC, check, declare

TIER = Tier(
    "rds",
    SPEC,
    (SubnetGroup(), ParameterGroup(), LogGroup(), Role(), Instance()),
    declare,
    check,
    looks_up=(Key(), Cluster(), *vpc_lookups.KINDS),
)


def main():
    run_module(TIER)


if __name__ == "__main__":
    main()
