"""The eks tier: what its contract is tried with. Deletion protection is off, so that it comes down; Kubernetes is not the newest."""

from .case import Case

TIER = "eks"
REQUIRES = ("kms", "vpc")
CLUSTER = "prod-agent-platform"
PARAMS = {
    "cluster_name": CLUSTER,
    "version": "1.34",
    "availability_zones": ["us-east-1a", "us-east-1b"],
    "prefix": "agent",
    "key_for": {
        "eks": "eks",
        "ebs": "eks",
        "logs": "storage",
        "s3": "storage",
        "dynamodb": "dynamodb",
        "sns": "sns-sqs",
        "sqs": "sns-sqs",
        "secretsmanager": "secrets",
    },
    "deletion_protection": False,
    "service_cidr": "172.20.0.0/16",
    "addons": [
        {"name": "vpc-cni", "configuration": {"enableNetworkPolicy": "true"}},
        {"name": "coredns"},
        {"name": "metrics-server", "version": "keep"},
    ],
    "node_groups": [
        {"name": "general", "instance_types": ["t3.xlarge", "t3a.xlarge"], "min_size": 3, "max_size": 20},
        {
            "name": "ai",
            "instance_types": ["r6i.2xlarge"],
            "capacity_type": "SPOT",
            "min_size": 2,
            "max_size": 10,
            "labels": {"workload": "ai"},
            "taints": [{"key": "workload", "value": "ai", "effect": "NoSchedule"}],
        },
    ],
    "access_entries": [
        {
            "name": "operators",
            "principal": "arn:aws:iam::123456789012:role/prod-us-east-1-vpc-flow-logs",
            "policies": [{"policy": "AmazonEKSViewPolicy", "namespaces": ["agents"]}, {"policy": "AmazonEKSEditPolicy"}],
        }
    ],
    "service_accounts": {"vpc-cni": "kube-system/aws-node", "autoscaler": "kube-system/cluster-autoscaler"},
    "workloads": [
        {"name": "agent", "service_account": "agents/agent", "tables": ["sessions"], "read_buckets": ["user-uploads"]},
    ],
}
KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
OTHER_ROLE = "arn:aws:iam::123456789012:role/another"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
NAMED = "the cluster's name, which nothing changes while it stands"


def wider(settings):
    return {**settings, "hop_limit": 2, "volume": {**settings["volume"], "size_gib": 80}}


def with_another_trust(policy):
    return {**policy, "Statement": [{**policy["Statement"][0], "Principal": {"Service": "ec2.amazonaws.com"}}]}


CASES = [
    Case("iam_service_linked_role", "iam_service_linked_role/spot", exempt={"service": "the very role: another one is another resource"}),
    Case(
        "log_group",
        "log_group/eks-cluster",
        updates={"kms_key": KEY, "retention_days": 30, "tags": {"owner": "support"}},
        immutable={"log_group_name": "/aws/eks/other/cluster"},
    ),
    Case(
        "iam_role",
        "iam_role/eks-agent",
        updates={
            "trust_policy": with_another_trust,
            "inline_policies": {},
            "managed_policies": ["arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"],
            "permissions_boundary": "arn:aws:iam::aws:policy/PowerUserAccess",
            "tags": {"owner": "support"},
        },
        immutable={"role_name": "prod-us-east-1-eks-other", "path": "/eks/"},
        exempt={"description": "the maker's once the role is made"},
    ),
    Case(
        "eks_cluster",
        f"eks_cluster/{CLUSTER}",
        updates={
            "version": "1.35",
            "subnets": lambda subnets: subnets[:1] + subnets[1:][::-1] if len(subnets) > 2 else subnets,
            "public_endpoint": True,
            "log_types": ["audit"],
            "support_type": "EXTENDED",
            "deletion_protection": True,
            "tags": {"owner": "support"},
        },
        immutable={
            "name": "prod-other",
            "role_arn": OTHER_ROLE,
            "service_cidr": "172.21.0.0/16",
            "authentication_mode": "API_AND_CONFIG_MAP",
            "encryption_key": KEY,
        },
        exempt={
            "secrets_encrypted": "only ever turned on: see test_eks_updates",
            "security_groups": "unset: see test_eks_updates",
            "private_endpoint": "never without it: see test_eks_updates",
            "public_cidrs": "with a public endpoint: see test_eks_updates",
        },
    ),
]
