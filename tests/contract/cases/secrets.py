"""The secrets tier: what its contract is tried with. The first secret has a value of ours, the second none."""

from .case import Case

TIER = "secrets"
REQUIRES = ("kms",)
PARAMS = {
    "entries": [{"name": "openai-api-key", "description": "Key of the OpenAI API"}, {"name": "slack-bot-tokens"}],
    "values": {"openai-api-key": "sk-contract-1"},
    "encryption_key": "secrets",
}
OTHER_KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
THERE = "arn:aws:kms:eu-west-1:123456789012:key/11111111-1111-1111-1111-111111111111"


def without_the_last_statement(policy):
    return {**policy, "Statement": policy["Statement"][:-1]}


CASES = [
    Case(
        "secret",
        "secret/openai-api-key",
        updates={
            "description": "another description",
            "kms_key": OTHER_KEY,
            "policy": without_the_last_statement,
            "replicas": [
                {"region": "eu-west-1", "kms_key": THERE},
                {"region": "eu-central-1", "kms_key": "alias/aws/secretsmanager"},
            ],
            "value": {"key": "sk-contract-2", "note": "Schlüssel"},
            "tags": {"owner": "agents"},
        },
        immutable={"name": "prod/openai"},
        exempt={"available": "always desired true; that a deleted secret comes back is a test of its own"},
    ),
    Case("secret", "secret/slack-bot-tokens", updates={"value": "xoxb-contract", "description": ""}),
]
