"""The web ACL tier: what its contract is tried with. Every option is set."""

from .case import Case

TIER = "waf"
REQUIRES = ("kms",)
GEO = {
    "Name": "elsewhere",
    "Priority": 5,
    "Statement": {"NotStatement": {"Statement": {"GeoMatchStatement": {"CountryCodes": ["DE", "FR"]}}}},
    "Action": {"Block": {"CustomResponse": {"ResponseCode": 403}}},
}
PARAMS = {
    "managed_rule_groups": [
        {
            "name": "common",
            "group": "AWSManagedRulesCommonRuleSet",
            "priority": 40,
            "rule_actions": {"NoUserAgent_HEADER": "count"},
        },
        {
            "name": "sql-injection",
            "group": "AWSManagedRulesSQLiRuleSet",
            "priority": 30,
            "action": "count",
            "version": "Version_2.0",
        },
    ],
    "upload_paths": ["/uploads/", "/documents"],
    "custom_rules": [GEO],
    "log_key": "storage",
    "log_redacted_headers": ["Authorization", "cookie"],
}


def without_the_custom_rule(rules):
    return {name: rule for name, rule in rules.items() if name != "elsewhere"}


CASES = [
    Case(
        "web_acl",
        "web_acl/edge",
        updates={
            "description": "another description",
            "default_action": "block",
            "rules": without_the_custom_rule,
            "visibility": {"metric_name": "prod-us-east-1-edge", "metrics": True, "sampled_requests": True},
            "log_destination": "arn:aws:logs:us-east-1:123456789012:log-group:aws-waf-logs-another",
            "redacted_headers": ["authorization"],
            "tags": {"owner": "security"},
        },
        immutable={"name": "prod-front"},
    ),
    Case("web_acl", "web_acl/edge", updates={"rules": {}, "redacted_headers": []}),
    Case(
        "edge_log_group",
        "edge_log_group/waf",
        updates={"retention_days": 30, "tags": {"owner": "audit"}},
        exempt={
            "log_group_name": "its natural name: under another one it is another group",
            "kms_key": "only one key lets CloudWatch Logs use it; tests/integration/test_waf_facts.py takes it away",
        },
    ),
]
