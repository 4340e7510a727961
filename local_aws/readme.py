"""Writes the table of patches in README.md: `python -m local_aws.readme` (`--check`: only say whether it is fresh)."""

from __future__ import annotations

import sys
from pathlib import Path

from local_aws import patches

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- patches: begin -->", "<!-- patches: end -->"
NAMES = {
    "acm": "Certificate Manager",
    "autoscaling": "Application Auto Scaling",
    "cloudfront": "CloudFront",
    "core": "all",
    "dynamodb": "DynamoDB",
    "ec2": "EC2",
    "eks": "EKS",
    "elbv2": "Elastic Load Balancing",
    "elasticache": "ElastiCache",
    "iam": "IAM",
    "kms": "KMS",
    "logs": "CloudWatch Logs",
    "rds": "RDS",
    "route53": "Route 53",
    "s3": "S3",
    "secretsmanager": "Secrets Manager",
    "sns": "SNS",
    "sqs": "SQS",
    "sts": "STS",
    "tagging": "Tagging API",
    "wafv2": "WAF",
}


def table() -> str:
    """One row a patch, from its docstring."""
    rows = [f"| {NAMES[item.service]} | `{item.name}` | {item.text.replace('|', chr(92) + '|')} |" for item in patches.load_all()]
    return "\n".join(["| Service | Patch | AWS, and what moto does instead |", "|---|---|---|", *rows])


def render(text: str) -> str:
    """The README with the table of today's patches in it."""
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


def main(arguments: list[str]) -> int:
    """Write, or check: 1 when stale."""
    text = README.read_text(encoding="utf-8")
    if "--check" in arguments:
        return int(render(text) != text)
    README.write_text(render(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
