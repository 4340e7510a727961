"""Read or write: one answer for every AWS operation, by its botocore name.

An operation is a read when sending it leaves nothing behind that another call could see. What is unknown counts
as a write, so that a test which forbids writes fails rather than passes in doubt.
"""

from __future__ import annotations

import re

READ = "read"
WRITE = "write"

READ_VERBS = ("BatchGet", "Describe", "Get", "Head", "List", "Lookup", "Search", "Simulate")

# Reads whose names do not begin with a verb of reading.
OTHER_READS = {
    "accessanalyzer": {"CheckAccessNotGranted", "CheckNoNewAccess", "CheckNoPublicAccess", "ValidatePolicy"},
    "dynamodb": {"Query", "Scan", "TransactGetItems"},
    "ecr": {"BatchCheckLayerAvailability"},
    "events": {"TestEventPattern"},
    # Nothing that a later call could observe changes when a key is used.
    "kms": {
        "Decrypt",
        "DeriveSharedSecret",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "GenerateRandom",
        "ReEncrypt",
        "Sign",
        "Verify",
        "VerifyMac",
    },
    "logs": {"FilterLogEvents", "StartLiveTail", "StartQuery", "StopQuery", "TestMetricFilter", "TestTransformer"},
    "rds": {"DownloadDBLogFilePortion"},
    "route53": {"TestDNSAnswer"},
    "s3": {"SelectObjectContent"},
    # Credentials are handed out; nothing in the account changes.
    "sts": {
        "AssumeRole",
        "AssumeRoleWithSAML",
        "AssumeRoleWithWebIdentity",
        "AssumeRoot",
        "DecodeAuthorizationMessage",
    },
    "wafv2": {"CheckCapacity"},
}

_READ_NAME = re.compile(rf"^(?:{'|'.join(READ_VERBS)})(?=[A-Z0-9]|$)")


def classify(service: str, operation: str) -> str:
    """Answer READ or WRITE for an operation, both names as botocore spells them (`sqs`, `ReceiveMessage`)."""
    if operation in OTHER_READS.get(service, ()):
        return READ
    return READ if _READ_NAME.match(operation) else WRITE
