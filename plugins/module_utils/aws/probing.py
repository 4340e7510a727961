# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls with which a verification sends something through and takes it away again. Each probe names the run that made it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ConnectionError as NoConnection
from botocore.exceptions import HTTPClientError

from ..reconcile.errors import EngineError
from .api import Api
from .errors import DENIED, code_of, is_code

MARK = "agent-platform-verify"
# S3 asks for the whole key's versions by their beginning.
PREFIX = f".{MARK}/"


class Untold(EngineError):
    """Something that cannot be tried from here, and why."""


def refused_over_plain_http(api: Api, service: str, call: Callable[[Any], Any]) -> bool:
    """Whether what AWS answers over TLS is refused, by policy or by silence, without. ``call``: a read, with the client that it is
    given. Raises Untold where nothing would follow from it.
    """
    usual, plain = api.client(service), api.plain_client(service)
    if not usual.meta.endpoint_url.startswith("https:") or not plain.meta.endpoint_url.startswith("http:"):
        raise Untold(f"the endpoint of {service} is {usual.meta.endpoint_url} by configuration, and not AWS's")
    try:
        call(usual)
    except Exception as error:
        if is_code(error, *DENIED):
            raise Untold(f"the caller is refused over TLS, too ({code_of(error)})") from error
        raise
    try:
        call(plain)
    except (NoConnection, HTTPClientError):
        return True
    except Exception as error:
        if is_code(error, *DENIED, "403"):
            return True
        raise
    return False


class Table:
    """The items of one table. Values are in DynamoDB's shape: ``{"S": "text"}``."""

    def __init__(self, api: Api, name: str):
        self._client, self._api, self.name = api.client("dynamodb"), api, name

    def put(self, item: Mapping[str, Any]) -> None:
        self._client.put_item(TableName=self.name, Item=item)

    def get(self, key: Mapping[str, Any]) -> dict[str, Any] | None:
        return self._client.get_item(TableName=self.name, Key=key, ConsistentRead=True).get("Item")

    def delete(self, key: Mapping[str, Any]) -> None:
        self._client.delete_item(TableName=self.name, Key=key)

    def query(self, attribute: str, value: Mapping[str, str], index: str | None = None) -> list[dict[str, Any]]:
        """Items of the table, or of one of its indexes, with this hash key."""
        return self._api.pages(
            "dynamodb",
            "query",
            "Items",
            TableName=self.name,
            KeyConditionExpression="#k = :v",
            ExpressionAttributeNames={"#k": attribute},
            ExpressionAttributeValues={":v": value},
            **({"IndexName": index} if index else {}),
        )


class Bucket:
    """Objects of one bucket, under a prefix of their own."""

    def __init__(self, api: Api, name: str):
        self._client, self._api, self.name = api.client("s3"), api, name

    def put(self, key: str, body: bytes) -> dict[str, Any]:
        """Put an object that names no encryption; what S3 says of the one that it has: ``algorithm`` and ``key``."""
        self._client.put_object(Bucket=self.name, Key=key, Body=body)
        answer = self._client.head_object(Bucket=self.name, Key=key)
        return {"algorithm": answer.get("ServerSideEncryption"), "key": answer.get("SSEKMSKeyId")}

    def get(self, key: str) -> bytes:
        return self._client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def refuses(self, key: str, algorithm: str, kms_key: str | None = None) -> str | None:
        """None when an object with this encryption is refused by policy; else what happened instead."""
        more = {"SSEKMSKeyId": kms_key} if kms_key else {}
        try:
            self._client.put_object(Bucket=self.name, Key=key, Body=b"", ServerSideEncryption=algorithm, **more)
        except Exception as error:
            if is_code(error, *DENIED, "403"):
                return None
            if code_of(error) is None:
                raise
            return f"answered {code_of(error)} instead of refusing it"
        return "took it"

    def remove(self, keep: str = "") -> int:
        """Delete all versions of every probe but those whose key contains ``keep``; how many there were.

        Raises EngineError, one sentence, where any of them stays.
        """
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.name, Prefix=PREFIX)
        found = [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for page in pages
            for item in (*(page.get("Versions") or ()), *(page.get("DeleteMarkers") or ()))
            if not keep or keep not in item["Key"]
        ]
        stayed = []
        for first in range(0, len(found), 1000):
            # What it does not delete is no error of the call: it is in the answer.
            some = {"Objects": found[first : first + 1000], "Quiet": True}
            stayed += self._client.delete_objects(Bucket=self.name, Delete=some).get("Errors") or ()
        if stayed:
            one = stayed[0]
            raise EngineError(
                f"bucket {self.name}: S3 does not delete the probe {one['Key']} ({one['Code']}), one of {len(stayed)} that stay: "
                "let the caller do s3:DeleteObjectVersion there, and run again, which removes them"
            )
        return len(found)


def publish(api: Api, topic: str, body: str, attributes: Mapping[str, str]) -> None:
    typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    api.client("sns").publish(TopicArn=topic, Message=body, MessageAttributes=typed)
