"""The patches themselves: documented, applied once, loaded with the service that they patch."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from local_aws import patches, readme
from local_aws.launch import ROOT

ALL = patches.load_all()


def test_the_readme_is_fresh():
    assert readme.main(["--check"]) == 0, "run: python -m local_aws.readme"


@pytest.mark.parametrize("patch", ALL, ids=lambda patch: f"{patch.service}-{patch.name}")
def test_every_patch_says_what_aws_does_and_what_moto_does(patch):
    assert re.search(r"\bmoto", patch.text)
    assert "AWS" in patch.text
    assert patch.service in readme.NAMES


def test_applying_again_changes_nothing():
    from moto.kms.models import KmsBackend

    before = (list(patches.REGISTRY), KmsBackend.enable_key, list(sys.meta_path))
    patches.apply()
    patches.load_all()
    assert (list(patches.REGISTRY), KmsBackend.enable_key, list(sys.meta_path)) == before


def test_a_service_is_patched_when_it_is_imported():
    code = """
import sys
from local_aws import patches
patches.apply()
assert "moto.ec2.models" not in sys.modules
from moto.ec2.models.nat_gateways import NatGateway
assert isinstance(NatGateway.state, property)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_nothing_in_the_collection_knows_of_it():
    for folder in ("plugins", "roles", "playbooks"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not re.search(r"^\s*(import|from) (local_aws|moto)\b", path.read_text(), re.MULTILINE), path
