#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: schema_migrations
version_added: 0.1.0
short_description: Apply numbered SQL migrations to a schema of a PostgreSQL database, each once
description:
  - Applies the files of a directory in the order of their numbers, each in a transaction of its own, together with its row in the
    table C(schema_migrations) of the schema, which has name, checksum, time and user.
  - A file that was applied and is changed or gone, and one that would have to be applied before another that was, are refused
    with their names before anything is applied. There is no way back but another migration.
  - While it applies, it holds an advisory lock of its session. Another run waits for it, and at last tells who holds it. The
    lock goes with a run that is killed, and what that run had not committed with it.
  - The role M(agent_platform.aws.schema) does the same for the platform's database, with all that belongs to it.
author:
  - agent_platform contributors (@agent-platform)
requirements:
  - psycopg >= 3.1
options:
  login_host:
    description: Host of the database, which its certificate has to name.
    type: str
    required: true
  login_port:
    description: Its port.
    type: int
    default: 5432
  login_user:
    description: Who connects. It has to be able to act as O(owner).
    type: str
    required: true
  login_password:
    description: The user's password.
    type: str
    required: true
  login_address:
    description: Where to connect to instead of O(login_host), such as the near end of a tunnel.
    type: str
  ca_cert:
    description: Path of a file with the authorities that may have signed the server's certificate, in PEM form.
    type: path
    required: true
  database:
    description: The database.
    type: str
    required: true
  schema:
    description: The schema, which stands already, and to which names without a schema belong.
    type: str
    required: true
  owner:
    description: The role that owns the schema, and as which every migration runs.
    type: str
    required: true
  directory:
    description: Directory of files such as C(0001_users.sql), numbered without a gap.
    type: path
    required: true
  lock_timeout:
    description: How long another run is waited for, in seconds.
    type: int
    default: 60
attributes:
  check_mode:
    support: full
    description: Lists what it would apply, takes no lock and writes nothing.
  diff_mode:
    support: full
    description: Shows the names of what is applied, before and after.
"""

EXAMPLES = r"""
- name: Bring the schema up to date
  agent_platform.aws.schema_migrations:
    login_host: prod-agentdb.abcdefghijkl.us-east-1.rds.amazonaws.com
    login_user: agentadmin
    login_password: "{{ master.password }}"
    ca_cert: /etc/ssl/rds/us-east-1-bundle.pem
    database: agentdb
    schema: agent
    owner: agent_migrate
    directory: "{{ playbook_dir }}/migrations"
"""

RETURN = r"""
applied:
  description: What was applied before.
  returned: success
  type: list
  elements: str
  sample: [0001_users]
pending:
  description: What this run applied or, in check mode, would apply, with its checksum.
  returned: success
  type: list
  elements: dict
  sample: [{name: 0002_agents, checksum: 8c68c4991af0d232}]
refused:
  description: What cannot be, with the reason.
  returned: when migrations are refused
  type: list
  elements: dict
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError
from ansible_collections.agent_platform.aws.plugins.module_utils.schema import connect, migrations


def main():
    module = AnsibleModule(
        argument_spec={
            "login_host": {"type": "str", "required": True},
            "login_port": {"type": "int", "default": 5432},
            "login_user": {"type": "str", "required": True},
            "login_password": {"type": "str", "required": True, "no_log": True},
            "login_address": {"type": "str"},
            "ca_cert": {"type": "path", "required": True},
            "database": {"type": "str", "required": True},
            "schema": {"type": "str", "required": True},
            "owner": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "lock_timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module.params, module.check_mode))
    except migrations.MigrationError as error:
        module.fail_json(msg=str(error), refused=[{"name": name, "reason": reason} for name, reason in error.refused])
    except (EngineError, migrations.Locked) as error:
        module.fail_json(msg=str(error))
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "psycopg":
            raise
        module.fail_json(msg=f"schema {module.params['schema']}: PostgreSQL refused: {' '.join(str(error).split())}")


def run(params, only_look):
    """The module's result."""
    files = migrations.load(Path(params["directory"]))
    connect.check_bundle(params["ca_cert"], "ca_cert")
    place = (params["login_host"], params["login_port"], params["database"], params["ca_cert"], params["login_address"] or "")
    target = connect.Target(*place)
    connect.reach(target)
    schema, owner = params["schema"], params["owner"]
    with connect.connect(target, params["login_user"], params["login_password"]) as connection:
        # Everything of the schema is its owner's to read.
        with migrations.as_owner(connection, schema, owner):
            known = migrations.history(connection, schema)
        todo = migrations.pending(files, known)
        if todo and not only_look:
            with migrations.locked(connection, schema, params["lock_timeout"]):
                todo = migrations.apply(connection, schema, owner, files)
    names = [row.name for row in known]
    after = names + [migration.name for migration in todo if migration.name not in names]
    return {
        "changed": bool(todo),
        "applied": names,
        "pending": migrations.as_rows(todo),
        "diff": {"before": "".join(f"{name}\n" for name in names), "after": "".join(f"{name}\n" for name in after)},
    }


if __name__ == "__main__":
    main()
