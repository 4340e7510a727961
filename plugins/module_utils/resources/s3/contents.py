# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bucket holds: whether it is empty, what a lock keeps, and deleting all of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ...reconcile.errors import EngineError

# Of each page of versions, that many of the newest are asked for their locks.
SAMPLE = 20


def pages(client: Any, bucket: str) -> Iterator[list[dict[str, Any]]]:
    """Every version and delete marker, by the thousand at most, as ListObjectVersions answers and DeleteObjects takes them."""
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        items = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if items:
            yield items


def amount(client: Any, bucket: str) -> str | None:
    """How much it holds, in words, by one call; None when it is empty."""
    page = client.list_object_versions(Bucket=bucket)
    count = len(page.get("Versions", ())) + len(page.get("DeleteMarkers", ()))
    if not count:
        return None
    return f"more than {count} object versions" if page.get("IsTruncated") else f"{count} object version{'s'[: count > 1]}"


def held(api: Any, bucket: str) -> str | None:
    """What a lock keeps and until when, in words, or None.

    Of every page the newest versions are asked, since S3 has no list of locks: under a default retention the newest are held
    longest. A lock that this misses is one that S3 itself heeds when the version is to be deleted.
    """
    client = api.client("s3")
    for page in pages(client, bucket):
        newest = sorted((item for item in page if "Size" in item), key=lambda item: item["LastModified"])[-SAMPLE:]
        heads = api.map(lambda item: client.head_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"]), newest)
        if any(head.get("ObjectLockLegalHoldStatus") == "ON" for head in heads):
            return "a legal hold keeps objects in it until the hold is taken off"
        until = max((head["ObjectLockRetainUntilDate"] for head in heads if "ObjectLockRetainUntilDate" in head), default=None)
        if until and until > datetime.now(UTC):
            return f"object lock keeps objects in it until at least {until:%Y-%m-%d %H:%M} UTC"
    return None


def empty(client: Any, bucket: str) -> None:
    """Delete every version and marker. Never past a lock: raises EngineError, naming one of the objects, for what S3 kept."""
    for page in pages(client, bucket):
        objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in page]
        errors = client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors")
        if errors:
            first = errors[0]
            raise EngineError(
                f"{bucket} keeps {len(errors)} of its object versions, {first['Key']!r} among them ({first.get('Code')}: "
                f"{first.get('Message')}): what a lock holds can be deleted once its retention has ended"
            )
