"""The rds tier: what its contract is tried with. Storage large enough for its performance to be set."""

from .case import Case

TIER = "rds"
REQUIRES = ("kms", "vpc")
PARAMS = {
    "key": "rds",
    "password_key": "secrets",
    "log_key": "storage",
    "zones": ["us-east-1a", "us-east-1b"],
    "engine_version": "17.4",
    "allocated_storage": 400,
    "iops": 12000,
    "storage_throughput": 500,
    "insights_retention_days": 465,
    "parameters": {"log_min_duration_statement": 1000, "log_statement": "ddl"},
    "deletion_protection": False,
}
OTHER_KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
OTHER_ROLE = "arn:aws:iam::123456789012:role/other"


def with_other_parameters(parameters):
    """One changed, one added (static), one taken away."""
    return {"rds.force_ssl": "0", "log_statement": "ddl", "max_connections": "200"}


def of_another_service(policy):
    (statement,) = policy["Statement"]
    return {**policy, "Statement": [{**statement, "Principal": {"Service": "rds.amazonaws.com"}}]}


CASES = [
    Case(
        "db_subnet_group",
        "db_subnet_group/agentdb",
        updates={"description": "Other", "tags": {"owner": "support"}},
        immutable={"name": "prod-other"},
        exempt={"subnets": "they have to exist; see tests/contract/test_rds_changes.py"},
    ),
    Case(
        "db_parameter_group",
        "db_parameter_group/agentdb-postgres17",
        updates={"parameters": with_other_parameters, "tags": {"owner": "support"}},
        immutable={"name": "prod-other", "family": "postgres16"},
        exempt={"description": "written once; AWS cannot change it"},
    ),
    Case(
        "log_group",
        "log_group/agentdb-postgresql",
        updates={"retention_days": 30, "tags": {"owner": "support"}},
        exempt={
            "log_group_name": "its natural name: under another one it is another group",
            "kms_key": "only one key lets CloudWatch Logs use it; tests/integration/test_vpc_drift.py takes it away",
        },
    ),
    Case(
        "iam_role",
        "iam_role/rds-monitoring",
        updates={
            "trust_policy": of_another_service,
            "inline_policies": {},
            "permissions_boundary": "arn:aws:iam::aws:policy/PowerUserAccess",
            "tags": {"owner": "support"},
        },
        exempt={
            "role_name": "its natural name: under another one it is another role",
            "path": "a role that was made anew has the same id, its name; see tests/contract/test_iam_role.py",
            "managed_policies": "the policies have to exist; see tests/contract/test_iam_role.py",
            "description": "written at creation only, since the bulk read does not show it",
        },
    ),
    Case(
        "db_instance",
        "db_instance/agentdb",
        updates={
            "engine_version": "17.6",
            "instance_class": "db.r6g.xlarge",
            "multi_az": False,
            "storage_type": "io2",
            "allocated_storage": 600,
            "max_allocated_storage": 0,
            "iops": 16000,
            "storage_throughput": 1000,
            "backup_retention_days": 7,
            "backup_window": "01:00-02:00",
            "maintenance_window": "mon:05:00-mon:06:00",
            "copy_tags_to_snapshots": False,
            "auto_minor_version_upgrade": False,
            "deletion_protection": True,
            "publicly_accessible": True,
            "ca_certificate": "rds-ca-ecc384-g1",
            "monitoring_interval": 15,
            "monitoring_role": OTHER_ROLE,
            "insights_mode": "advanced",
            "insights_retention_days": 731,
            "port": 5433,
            "security_groups": ["sg-00000000000000000"],
            "parameter_group": "default.postgres17",
            "iam_authentication": True,
            "log_exports": ["postgresql"],
            "tags": {"owner": "support"},
        },
        immutable={
            "name": "prod-other",
            "engine": "mysql",
            "database": "other",
            "master_username": "other",
            "kms_key": OTHER_KEY,
            "subnet_group": "other",
            "secret_key": OTHER_KEY,
            "insights_key": OTHER_KEY,
        },
    ),
]
