"""Patches to RDS: the real server behind an instance."""

from __future__ import annotations

from typing import Any

from moto.rds.models import DBInstance

from local_aws.database import address_of
from local_aws.patches import patch


@patch
def endpoints_answer() -> None:
    """AWS: PostgreSQL answers at an instance's endpoint, over TLS, to the master user with the password in its secret. moto
    names an endpoint where nothing is; so it stays here, but for the first instance of a local AWS with `--database`."""
    made_up = DBInstance.address.fget

    def address(self: Any) -> str:
        return address_of(self) or made_up(self)

    DBInstance.address = property(address)
