"""``playbooks/destroy.yml`` as a user runs it; what it keeps is tested in ``tests/destroy``."""

from __future__ import annotations

import pytest
from support.census import census

DEPLOYMENT = "dev-us-east-1"


@pytest.mark.parametrize("scratch", ["dev"], indirect=True)
def test_it_tells_first_and_destroys_when_confirmed(scratch):
    scratch.local.clear_requests()
    wrong = scratch.run("playbooks/destroy.yml", "-e", "confirm=prod-us-east-1")
    assert wrong.returncode != 0
    assert f"to confirm, name it: -e confirm={DEPLOYMENT}" in wrong.stdout + wrong.stderr
    told = scratch.run("playbooks/destroy.yml")
    assert told.returncode == 0, told.stdout[-3000:]
    assert f"Nothing was changed. To do it: -e confirm={DEPLOYMENT}" in told.stdout
    assert "db_instance/agentdb: dev-agentdb holds data" in told.stdout
    assert [call for call in scratch.local.requests() if call["access"] == "write"] == []
    done = scratch.run("playbooks/destroy.yml", "-e", f"confirm={DEPLOYMENT}", "-e", f"destroy_data={DEPLOYMENT}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert f"Destroy of {DEPLOYMENT}: " in done.stdout
    standing = census(scratch.client)
    assert {what: names for what, names in standing.items() if names} == {}
