#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: schema
version_added: 0.1.0
short_description: Keep the inside of the platform's database
description:
  - Keeps what is inside the database that M(agent_platform.aws.rds) keeps. The database and its roles, their privileges, the
    tables by migrations, the months of the audit log, and the password of the application's user.
  - The password is made at random and kept in the secret C(<environment>/rds/agent-app), as a JSON object with C(username) and
    C(password). It is in no variable, no result and, since only its verifier is sent, in no log of the database.
  - One look at the database tells what is to be done; without a difference nothing more is called. Otherwise databases, roles and
    privileges are made by C(community.postgresql), and migrations by what M(agent_platform.aws.schema_migrations) uses.
  - Connections are over TLS, and the server's certificate must be of one of the authorities in O(ca_bundle) and have its name.
  - As long as there is no database, check mode and the verbs that only look list everything as to be made.
  - It runs where Ansible runs; only with O(run_in=none) it may be sent elsewhere.
author:
  - agent_platform contributors (@agent-platform)
requirements:
  - community.postgresql and psycopg, for O(run_in=direct)
  - kubernetes.core and kubernetes, for O(run_in=cluster)
options:
  run_in:
    description:
      - V(direct) connects from where Ansible runs.
      - V(cluster) runs a Job in the cluster O(cluster_name), with an image that holds this collection, and waits for it. A private
        database is reached so from wherever the cluster's API is. The M(agent_platform.aws.eks) tier makes the role of its pod, the
        M(agent_platform.aws.kubernetes) tier its service account and network policy.
      - A Job that ended well is what check mode goes by then. What somebody changed in the database since it does not see.
      - V(none) leaves the database alone, and keeps the secret.
    type: str
    choices: [direct, cluster, none]
    default: direct
  cluster_name:
    description: The cluster's name. Needed for O(run_in=cluster).
    type: str
    default: ""
  secrets_key:
    description: Name of the key that encrypts the secret, without the environment.
    type: str
    required: true
  instance:
    description: Name of the database instance, without the environment.
    type: str
    default: agentdb
  database:
    description: The database in the instance. It is made where RDS has not made it.
    type: str
    default: agentdb
  name:
    description: The schema in which everything stands.
    type: str
    default: agent
  owner_role:
    description: The role that owns the schema and what is in it, and as which migrations run. Nobody signs in as it.
    type: str
    default: agent_migrate
  app_role:
    description:
      - The application's user, which has the privileges, with a second login C(<name>_clone) that is a member of it. The secret
        has the name and the password of one of the two.
    type: str
    default: agent_app
  grants:
    description:
      - What each role may do, by role and table; everything else on the database, the schema and what is in it is taken from it,
        and so are its memberships in other roles. O(app_role) is one of them, the others are roles without a password, to be
        granted to people.
      - Besides tables and views there are columns (C(users.email)), C(sequence numbers) and C(function next_number(integer, text)).
      - Nobody may be granted more than C(INSERT) and C(SELECT) on C(audit_log).
    type: dict
    default: {}
  migrations_path:
    description:
      - A directory of files C(0001_what_it_does.sql), numbered without a gap. Each is applied once, in a transaction of its own.
      - One that was applied and is changed or gone is refused with its name.
    type: path
  audit_months_ahead:
    description: How many months of the audit log have a partition before they begin, 0 to 60.
    type: int
    default: 3
  lock_timeout_seconds:
    description: How long another run that is changing the schema is waited for, 0 to 3600.
    type: int
    default: 60
  ca_bundle:
    description: Path of a file with the certificates of the authorities that RDS uses, in PEM form. Needed but for O(run_in=none).
    type: path
  tunnel_address:
    description:
      - An IP address of this machine at which a tunnel to the database begins. The certificate must have the database's own name
        all the same.
    type: str
  tunnel_port:
    description: The tunnel's port. Needed with O(tunnel_address).
    type: int
  password_rotation:
    description:
      - Any number or word. With another one the login that is not in use gets a new random password, and the secret names that one.
        The login before is good until the next rotation.
    type: str
    default: "1"
  recovery_window_days:
    description: Days within which the deleted secret can be restored, 7 to 30.
    type: int
    default: 30
  job:
    description: The Job of O(run_in=cluster).
    type: dict
    default: {}
    suboptions:
      image:
        description: Image with Ansible, this collection and what it needs, such as a controller's execution environment.
        type: str
      namespace:
        description: Namespace that it runs in.
        type: str
        default: platform-jobs
      service_account:
        description: Service account that its pod runs as, whose IAM role may read the database's secrets.
        type: str
        default: schema
      timeout_seconds:
        description: How long it may take, 60 to 86400.
        type: int
        default: 900
      node_selector:
        description: Labels of the nodes that it may run on.
        type: dict
        default: {}
      tolerations:
        description: Tolerations of its pod.
        type: list
        elements: dict
        default: []
      secret_environment:
        description: Environment variables of its pod, each with C(name) and C(key) of a Secret in the namespace.
        type: dict
        default: {}
      again:
        description:
          - Any number or word. Another one has the Job run once more although nothing else is another, as after somebody changed
            something in the database by hand.
        type: str
        default: ""
extends_documentation_fragment:
  - agent_platform.aws.cluster_tunnel
  - agent_platform.aws.tier
"""

EXAMPLES = r"""
- name: Set up the database from a machine in its network
  agent_platform.aws.schema:
    environment: staging
    region: us-east-1
    secrets_key: secrets
    ca_bundle: /etc/ssl/rds/us-east-1-bundle.pem
    migrations_path: migrations
    grants:
      agent_app:
        users: [SELECT, INSERT, UPDATE]
        audit_log: [SELECT, INSERT]
      agent_readonly:
        users: [SELECT]

- name: Keep only the secret
  agent_platform.aws.schema:
    environment: staging
    region: us-east-1
    secrets_key: secrets
    run_in: none
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
      sample: migration/0001_users
    action:
      description: C(create) or C(update).
      type: str
    fields:
      description: Each field that changes, with C(old) and C(new).
      type: list
      elements: dict
resources:
  description: The secret, with its ARN and name.
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

from ansible_collections.agent_platform.aws.plugins.module_utils.resources.generated_secret import GeneratedSecret
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.kms import Key
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Tier, run_module
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.schema import SPEC, check, declare

TIER = Tier("schema", SPEC, (GeneratedSecret(),), declare, check, looks_up=(Key(),))


def main():
    run_module(TIER)


if __name__ == "__main__":
    main()
