"""The eks tier: what its contract is tried with. Not protected, so that it comes down, and with a version above its own."""

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
    "replace_node_groups": True,
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
OTHER_ROLE = "arn:aws:iam::123456789012:role/prod-us-east-1-eks-agent"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
NAMED = "the cluster's name, which nothing changes while it stands"


def wider(settings):
    return {**settings, "hop_limit": 2, "volume": {**settings["volume"], "size_gib": 80}}


def with_another_trust(policy):
    return {**policy, "Statement": [{**policy["Statement"][0], "Principal": {"Service": "ec2.amazonaws.com"}}]}


CASES = [
    Case(
        "iam_service_linked_role",
        "iam_service_linked_role/spot",
        exempt={"service": "the role itself: another one is another resource"},
    ),
    Case(
        "log_group",
        "log_group/eks-cluster",
        updates={"retention_days": 30, "tags": {"owner": "support"}},
        exempt={
            "log_group_name": "its natural name: under another one it is another group",
            "kms_key": "only one key lets CloudWatch Logs use it; tests/integration/test_vpc_drift.py takes it away",
        },
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
        immutable={"role_name": "prod-us-east-1-eks-other"},
        exempt={"path": "its id is its name, whatever the path", "description": "the maker's once the role is made"},
    ),
    Case(
        "eks_cluster",
        f"eks_cluster/{CLUSTER}",
        updates={
            "version": "1.35",
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
            "subnets": "needs another subnet: see test_eks_updates",
            "security_groups": "unset: see test_eks_updates",
            "private_endpoint": "never without one: see test_eks_updates",
            "public_endpoint": "goes with ranges: see test_eks_updates",
            "public_cidrs": "goes with a public endpoint: see test_eks_updates",
        },
    ),
    Case(
        "iam_oidc_provider",
        f"iam_oidc_provider/{CLUSTER}",
        updates={"client_ids": ["sts.amazonaws.com", "another"], "tags": {"owner": "support"}},
        immutable={"url": "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF"},
    ),
    Case(
        "eks_access_entry",
        "eks_access_entry/operators",
        updates={
            "groups": ["operators"],
            "policies": [{"policy": VIEW, "namespaces": ["agents", "tools"]}],
            "tags": {"owner": "support"},
        },
        immutable={"principal": OTHER_ROLE},
        exempt={"cluster": NAMED, "first_principal": "the first caller's for good: see test_eks_updates"},
    ),
    Case(
        "eks_pod_identity",
        "eks_pod_identity/agent",
        updates={"role_arn": "arn:aws:iam::123456789012:role/prod-us-east-1-eks-autoscaler", "tags": {"owner": "support"}},
        immutable={"namespace": "tools", "service_account": "other"},
        exempt={"cluster": NAMED},
    ),
    Case(
        "launch_template",
        "launch_template/general",
        updates={"settings": wider, "tags": {"owner": "support"}},
        immutable={"template_name": "prod-other"},
    ),
    Case(
        "eks_nodegroup",
        "eks_nodegroup/general",
        updates={
            "labels": {"tier": "general"},
            "taints": [{"key": "busy", "value": "", "effect": "PREFER_NO_SCHEDULE"}],
            "scaling": {"min": 4, "max": 12},
            "max_unavailable_percent": 50,
            "tags": {"owner": "support"},
        },
        immutable={
            "name": "prod-other",
            "subnets": lambda subnets: subnets[:1],
            "instance_types": ["m7i.xlarge"],
            "capacity_type": "SPOT",
            "ami_type": "BOTTLEROCKET_x86_64",
        },
        exempt={
            "cluster": NAMED,
            "node_role": "the tier has one for nodes",
            "template_id": "the launch template's own: replaced with it",
            "template": "the launch template's own: see test_eks_updates",
            "version": "the cluster's own: see test_eks_updates",
            "desired_size": "the autoscaler's once the group is made: see test_eks_updates",
        },
    ),
    Case(
        "eks_nodegroup",
        "eks_nodegroup/ai",
        updates={"labels": {}, "taints": [{"key": "workload", "value": "gpu", "effect": "NO_SCHEDULE"}]},
        immutable={"instance_types": ["r6i.4xlarge", "r6a.4xlarge"]},
    ),
    Case(
        "eks_addon",
        "eks_addon/coredns",
        updates={"version": "v1.12.4-eksbuild.1", "configuration": {"replicaCount": 3}, "tags": {"owner": "support"}},
        exempt={"cluster": NAMED, "first_version": "where the version follows the nodes: see eks_addon_version"},
    ),
    Case("eks_addon", "eks_addon/metrics-server", immutable={"addon_name": "eks-pod-identity-agent"}),
    Case("eks_addon", "eks_addon/vpc-cni", updates={"configuration": {"enableNetworkPolicy": "false"}}),
    Case("eks_addon_version", "eks_addon_version/vpc-cni", updates={"version": "v1.21.1-eksbuild.1"}),
]
