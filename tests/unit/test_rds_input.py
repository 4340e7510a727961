"""What the rds tier refuses before any call, and what it declares."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.graph import Graph
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place
from support import tiers

TIER = tiers.load("rds")
PLACE = Place("prod", "prod-us-east-1", "us-east-1", "123456789012", "aws")
ZONES = ["us-east-1a", "us-east-1b", "us-east-1c"]
KEYS = {"key": "rds", "password_key": "secrets", "log_key": "storage"}


def parameters(**override):
    return tiers.with_defaults(TIER, {**KEYS, "zones": ZONES, **override})


BAD = [
    ({"key": "Rds"}, "platform_kms_key_for: the key 'Rds' of rds"),
    ({"password_key": "a b"}, "platform_kms_key_for: the key 'a b' of secretsmanager"),
    ({"log_key": ""}, "platform_kms_key_for: the key '' of logs"),
    ({"name": "agent_db"}, "rds_name: 'agent_db' cannot be part of the name of a database instance"),
    ({"name": "agent--db"}, "single hyphens"),
    ({"name": "x" * 59}, "at most 63 with prod- before it"),
    ({"database": "agent-db"}, "rds_database: 'agent-db' is none that RDS takes"),
    ({"database": "template1"}, "rds_database: 'template1' is none that RDS takes"),
    ({"master_username": "rdsadmin"}, "rds_master_username: 'rdsadmin' is none that RDS takes"),
    ({"master_username": "1st"}, "beginning with a letter"),
    ({"permissions_boundary": "boundary"}, "rds_permissions_boundary: 'boundary' is no policy"),
    ({"zones": ["us-east-1a"]}, "rds_zones: 1 zones are less than the 2"),
    ({"zones": ["us-east-1a", "us-east-1a"]}, "names a zone twice"),
    ({"zones": ["us-east-1a", "eu-west-1b"]}, "rds_zones: 'eu-west-1b' is no availability zone of us-east-1"),
    ({"engine_version": "latest"}, "rds_engine_version: 'latest' is no version of PostgreSQL"),
    ({"engine_version": "17.x"}, "rds_engine_version: '17.x' is no version"),
    ({"engine_version": "9.6.24"}, "rds_engine_version: '9.6.24' is no version"),
    ({"engine_version": "17.4.1"}, "such as '17', with or without a minor one, such as '17.4'"),
    ({"instance_class": "r6g.large"}, "rds_instance_class: 'r6g.large' is no class of RDS"),
    ({"replicas": 1}, "rds_replicas: 1 cannot be made: RDS makes no read replica of a PostgreSQL database whose master password"),
    ({"replicas": 2}, "kept and rotated otherwise is not offered: set 0 and scale rds_instance_class up, or have PostgreSQL's"),
    ({"backup_retention_days": 36}, "rds_backup_retention_days: 36 is outside 1 to 35 days"),
    ({"backup_retention_days": 0}, "rds_backup_retention_days: 0 is outside 1 to 35 days"),
    ({"allocated_storage": 19}, "rds_allocated_storage: 19 is outside 20 to 65536 GiB"),
    (
        {"max_allocated_storage": 109},
        "rds_max_allocated_storage: 109 GiB is less than a tenth more than rds_allocated_storage (100)",
    ),
    ({"max_allocated_storage": 65537}, "rds_max_allocated_storage: 65537 is outside 22 to 65536 GiB, or 0"),
    ({"iops": 12000}, "rds_iops: 12000 cannot be set for 100 GiB: below 400 GiB"),
    ({"iops": 3000, "allocated_storage": 400}, "rds_iops: 3000 is outside 12000 to 64000"),
    ({"storage_throughput": 500}, "rds_storage_throughput: 500 cannot be set for 100 GiB"),
    (
        {"storage_throughput": 4000, "iops": 12000, "allocated_storage": 400},
        "rds_storage_throughput: 4000 MiB a second need 16000 operations a second",
    ),
    ({"backup_window": "3-4"}, "rds_backup_window: '3-4' is no window"),
    ({"backup_window": "24:00-25:00"}, "rds_backup_window: '24:00-25:00' is no window"),
    ({"backup_window": "03:00-03:20"}, "rds_backup_window: '03:00-03:20' is shorter than 30 minutes"),
    ({"maintenance_window": "sunday"}, "rds_maintenance_window: 'sunday' is no window"),
    ({"maintenance_window": "sun:05:00-sun:05:10"}, "is outside 30 minutes to a day"),
    ({"maintenance_window": "sun:05:00-tue:05:00"}, "is outside 30 minutes to a day"),
    ({"maintenance_window": "sun:03:30-sun:04:30"}, "rds_backup_window: '03:00-04:00' overlaps rds_maintenance_window"),
    ({"backup_window": "23:30-00:30", "maintenance_window": "mon:00:00-mon:01:00"}, "overlaps"),
    ({"parameters": {"rds.force_ssl": 0}}, "rds_parameters: rds.force_ssl is set by rds_force_ssl"),
    ({"parameters": {"work mem": 1}}, "rds_parameters: 'work mem' is no name of a parameter"),
    ({"parameters": {"work_mem": [1]}}, "rds_parameters: [1] for work_mem is no value"),
    ({"parameters": {"work_mem": ""}}, "rds_parameters: '' for work_mem is no value"),
    ({"insights_retention_days": 8}, "rds_insights_retention_days: 8 is none of 7, 731 and the multiples of 31"),
    ({"insights_mode": "advanced"}, "rds_insights_retention_days: 7 is too few for rds_insights_mode advanced, which needs 465"),
    ({"log_retention_days": 8}, "rds_log_retention_days: 8 is none of 1, 3, 5"),
    ({"log_exports": ["upgrade", "upgrade"]}, "rds_log_exports: ['upgrade', 'upgrade'] names something twice"),
]


@pytest.mark.parametrize(("override", "sentence"), BAD)
def test_bad_input_is_one_sentence(override, sentence):
    with pytest.raises(InvalidInput) as caught:
        TIER.check(parameters(**override), "us-east-1")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "override",
    [
        {},
        {"engine_version": "17.4"},
        {"max_allocated_storage": 0},
        {"max_allocated_storage": 110},
        {"allocated_storage": 400, "iops": 16000, "storage_throughput": 4000},
        {"backup_retention_days": 35, "insights_retention_days": 731, "insights_mode": "advanced"},
        {"backup_window": "23:00-00:00", "maintenance_window": "Mon:00:00-Mon:01:00"},
        {
            "parameters": {
                "log_connections": True,
                "work_mem": 4096,
                "max_connections": "LEAST({DBInstanceClassMemory/9531392},5000)",
            }
        },
        {"log_exports": []},
        {"name": "x" * 58},
    ],
)
def test_good_input_passes(override):
    TIER.check(parameters(**override), "us-east-1")


def declared(**override):
    return Graph(TIER.declare(parameters(**override), PLACE))


def database(**override):
    return declared(**override).resources["db_instance/agentdb"]


def test_what_it_stands_on_is_looked_up():
    graph = declared(cluster_name="prod-agent-platform")
    assert sorted(resource.address for resource in graph.looked_up()) == [
        "eks_cluster/prod-agent-platform",
        "kms_key/rds",
        "kms_key/secrets",
        "kms_key/storage",
        "security_group/rds",
        *(f"subnet/database-{zone}" for zone in ZONES),
    ]
    assert "eks_cluster/prod-agent-platform" in graph.parents["db_instance/agentdb"]


def test_one_key_may_serve_for_all():
    looked_up = declared(key="shared", password_key="shared", log_key="shared").looked_up()
    assert [resource.address for resource in looked_up if resource.kind.name == "kms_key"] == ["kms_key/shared"]


def test_the_log_groups_are_made_before():
    assert {"log_group/agentdb-postgresql", "log_group/agentdb-upgrade"} <= declared().parents["db_instance/agentdb"]


def test_each_key_has_its_use():
    desired = database().desired
    used = {name: desired[name] for name in ("kms_key", "insights_key", "secret_key")}
    rds = Ref("kms_key/rds", "arn")
    assert used == {"kms_key": rds, "insights_key": rds, "secret_key": Ref("kms_key/secrets", "arn")}


def test_parameters_are_text_and_force_ssl_is_among_them():
    found = declared(parameters={"log_connections": True, "work_mem": 4096, "random_page_cost": 1.1})
    group = found.resources["db_parameter_group/agentdb-postgres17"].desired
    assert group["name"] == "prod-agentdb-postgres17"
    assert group["parameters"] == {"log_connections": "1", "work_mem": "4096", "random_page_cost": "1.1", "rds.force_ssl": "1"}


def test_without_monitoring_there_is_no_role():
    graph = declared(monitoring_interval=0)
    assert "iam_role/rds-monitoring" not in graph.resources
    assert graph.resources["db_instance/agentdb"].desired["monitoring_role"] is None
