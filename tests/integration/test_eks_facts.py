"""What the diagrams and the issue say about EKS, read back with plain boto3."""

from __future__ import annotations

import pytest

LOGS = {"api", "audit", "authenticator", "controllerManager", "scheduler"}
ADDONS = {"aws-ebs-csi-driver", "coredns", "eks-pod-identity-agent", "kube-proxy", "metrics-server", "vpc-cni"}
TOPICS = ("ticket-events", "notification-requests", "knowledge-updates", "action-requests")


@pytest.fixture
def eks(platform):
    return platform.client("eks")


@pytest.fixture
def name(platform):
    return f"{platform.environment}-agent-platform"


@pytest.fixture
def cluster(eks, name):
    return eks.describe_cluster(name=name)["cluster"]


@pytest.fixture
def groups(eks, platform, name):
    found = eks.list_nodegroups(clusterName=name)["nodegroups"]
    described = [eks.describe_nodegroup(clusterName=name, nodegroupName=group)["nodegroup"] for group in found]
    return {item["nodegroupName"].removeprefix(f"{platform.environment}-"): item for item in described}


def key(platform, service):
    name = f"alias/{platform.environment}/{service if platform.is_prod else 'shared'}"
    return platform.client("kms").describe_key(KeyId=name)["KeyMetadata"]["Arn"]


def role_policies(platform, role):
    iam, name = platform.client("iam"), f"{platform.deployment}-eks-{role}"
    documents = [
        iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    ]
    return [statement for document in documents for statement in document["Statement"]]


def resources_of(statements, prefix, effect="Allow"):
    """The resources of the statements of ``effect`` whose actions begin with ``prefix``."""
    found = set()
    for statement in (statement for statement in statements if statement["Effect"] == effect):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if actions[0].startswith(prefix):
            found |= set(statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]])
    return found


def private_subnets(platform):
    tags = [
        {"Name": "tag:agent-platform:environment", "Values": [platform.environment]},
        {"Name": "tag:kubernetes.io/role/internal-elb", "Values": ["1"]},
    ]
    return {subnet["SubnetId"] for subnet in platform.client("ec2").describe_subnets(Filters=tags)["Subnets"]}


def template(platform, group):
    ec2, used = platform.client("ec2"), group["launchTemplate"]
    answer = ec2.describe_launch_template_versions(LaunchTemplateId=used["id"], Versions=[used["version"]])
    return answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]


def test_the_cluster_runs_in_the_three_private_subnets(platform, cluster):
    assert cluster["status"] == "ACTIVE"
    assert len(private_subnets(platform)) == 3
    assert set(cluster["resourcesVpcConfig"]["subnetIds"]) == private_subnets(platform)


def test_kubernetes_secrets_are_encrypted_with_the_eks_key(platform, cluster):
    assert cluster["encryptionConfig"] == [{"resources": ["secrets"], "provider": {"keyArn": key(platform, "eks")}}]


def test_all_five_logs_go_to_an_encrypted_group_with_retention(platform, cluster, name):
    on = {kind for entry in cluster["logging"]["clusterLogging"] if entry["enabled"] for kind in entry["types"]}
    assert on == LOGS
    (group,) = platform.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/eks/{name}/cluster")["logGroups"]
    assert group["kmsKeyId"] == key(platform, "storage")
    assert group["retentionInDays"] == (90 if platform.is_prod else 14)


def test_only_access_entries_let_anyone_in(platform, cluster):
    assert cluster["accessConfig"]["authenticationMode"] == "API"
    assert not cluster["accessConfig"].get("bootstrapClusterCreatorAdminPermissions")


def test_the_deployer_has_an_entry_of_its_own(platform, eks, name):
    caller = platform.client("sts").get_caller_identity()["Arn"]
    policies = eks.list_associated_access_policies(clusterName=name, principalArn=caller)["associatedAccessPolicies"]
    assert [policy["policyArn"].rsplit("/", 1)[-1] for policy in policies] == ["AmazonEKSClusterAdminPolicy"]


def test_the_api_answers_the_vpc_alone(cluster):
    network = cluster["resourcesVpcConfig"]
    assert (network["endpointPrivateAccess"], network["endpointPublicAccess"]) == (True, False)


def test_the_cluster_is_protected_in_prod(platform, cluster):
    assert cluster["deletionProtection"] is platform.is_prod
    assert cluster["upgradePolicy"]["supportType"] == "STANDARD"


def test_an_oidc_provider_stands_for_the_cluster(platform, cluster):
    iam = platform.client("iam")
    issuer = cluster["identity"]["oidc"]["issuer"].removeprefix("https://")
    (arn,) = [item["Arn"] for item in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (provider["Url"].removeprefix("https://"), provider["ClientIDList"]) == (issuer, ["sts.amazonaws.com"])


def test_the_six_addons_run_with_network_policies(eks, cluster, name):
    addons = {
        addon: eks.describe_addon(clusterName=name, addonName=addon)["addon"]
        for addon in eks.list_addons(clusterName=name)["addons"]
    }
    assert set(addons) == ADDONS
    assert {addon["status"] for addon in addons.values()} == {"ACTIVE"}
    assert addons["vpc-cni"]["configurationValues"] == '{"enableNetworkPolicy": "true"}'
    assert addons["kube-proxy"]["addonVersion"].startswith(f"v{cluster['version']}.")


def test_general_nodes_are_of_the_types_drawn(platform, groups):
    assert groups["general"]["instanceTypes"] == (["t3.xlarge", "t3a.xlarge"] if platform.is_prod else ["t3a.medium"])


def test_nodes_are_on_demand_in_prod_and_spot_in_dev(platform, groups):
    assert {group["capacityType"] for group in groups.values()} == {"ON_DEMAND" if platform.is_prod else "SPOT"}


def test_general_group_has_at_least_3_nodes(groups):
    assert groups["general"]["scalingConfig"]["minSize"] == 3


def test_general_group_has_at_most_20_nodes(groups):
    assert groups["general"]["scalingConfig"]["maxSize"] == 20


def test_general_group_begins_with_3_nodes(groups):
    assert groups["general"]["scalingConfig"]["desiredSize"] == 3


def test_general_nodes_take_every_pod(groups):
    assert not groups["general"].get("taints")


def test_ai_nodes_stand_in_prod_only(platform, groups):
    assert set(groups) == ({"general", "ai"} if platform.is_prod else {"general"})


@pytest.fixture
def ai(deployed):
    client = deployed("prod").client("eks")
    return client.describe_nodegroup(clusterName="prod-agent-platform", nodegroupName="prod-ai")["nodegroup"]


def test_ai_nodes_are_of_the_type_drawn(ai):
    assert (ai["instanceTypes"], ai["capacityType"]) == (["r6i.2xlarge"], "ON_DEMAND")


def test_ai_group_has_at_least_2_nodes(ai):
    assert ai["scalingConfig"]["minSize"] == 2


def test_ai_group_has_at_most_10_nodes(ai):
    assert ai["scalingConfig"]["maxSize"] == 10


def test_ai_group_begins_with_2_nodes(ai):
    assert ai["scalingConfig"]["desiredSize"] == 2


def test_ai_nodes_take_pods_of_ai_alone(ai):
    assert ai["taints"] == [{"key": "workload", "value": "ai", "effect": "NO_SCHEDULE"}]
    assert ai["labels"] == {"workload": "ai"}


@pytest.mark.parametrize("scratch", ["dev", "prod"], indirect=True)
def test_the_number_of_nodes_is_the_autoscalers(scratch):
    client, cluster = scratch.client("eks"), f"{scratch.environment}-agent-platform"
    found = client.list_nodegroups(clusterName=cluster)["nodegroups"]
    for group in found:
        client.update_nodegroup_config(clusterName=cluster, nodegroupName=group, scalingConfig={"desiredSize": 7})
    assert scratch.results("playbooks/eks.yml")["eks"]["changed"] is False
    for group in found:
        described = client.describe_nodegroup(clusterName=cluster, nodegroupName=group)["nodegroup"]
        assert described["scalingConfig"]["desiredSize"] == 7


def test_the_autoscaler_sizes_the_groups_of_its_cluster_alone(platform, name):
    statements = role_policies(platform, "autoscaler")
    (statement,) = [item for item in statements if "autoscaling:SetDesiredCapacity" in item["Action"]]
    assert statement["Condition"] == {"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{name}": "owned"}}


def test_nodes_are_in_the_private_subnets_and_a_third_changes_at_a_time(platform, cluster, groups):
    for group in groups.values():
        assert set(group["subnets"]) == private_subnets(platform)
        assert group["updateConfig"]["maxUnavailablePercentage"] == 33
        assert group["version"] == cluster["version"]
        assert group["amiType"] == "AL2023_x86_64_STANDARD"


def test_nodes_keep_their_metadata_to_themselves(platform, groups):
    for group in groups.values():
        metadata = template(platform, group)["MetadataOptions"]
        assert (metadata["HttpTokens"], metadata["HttpPutResponseHopLimit"]) == ("required", 1)


def test_volumes_of_nodes_are_encrypted_gp3(platform, groups):
    for group in groups.values():
        (device,) = template(platform, group)["BlockDeviceMappings"]
        assert (device["Ebs"]["VolumeType"], device["Ebs"]["Encrypted"]) == ("gp3", True)
        assert device["Ebs"]["KmsKeyId"] == key(platform, "eks")


def test_nodes_are_in_the_clusters_group_and_the_workers_group(platform, cluster, groups):
    ec2 = platform.client("ec2")
    workers = [{"Name": "group-name", "Values": [f"{platform.environment}-workers"]}]
    (group,) = ec2.describe_security_groups(Filters=workers)["SecurityGroups"]
    expected = {cluster["resourcesVpcConfig"]["clusterSecurityGroupId"], group["GroupId"]}
    for nodes in groups.values():
        assert set(template(platform, nodes)["SecurityGroupIds"]) == expected


def test_each_actor_has_a_role_of_its_own(platform, eks, name):
    found = {
        f"{item['namespace']}/{item['serviceAccount']}": eks.describe_pod_identity_association(
            clusterName=name, associationId=item["associationId"]
        )["association"]["roleArn"].rsplit("/", 1)[-1]
        for item in eks.list_pod_identity_associations(clusterName=name)["associations"]
    }
    assert found == {
        account: f"{platform.deployment}-eks-{role}"
        for account, role in {
            "agents/agent": "agent",
            "agents/consumers": "consumers",
            "kube-system/aws-load-balancer-controller": "lb-controller",
            "kube-system/cluster-autoscaler": "autoscaler",
            "external-secrets/external-secrets": "ext-secrets",
            "keda/keda-operator": "keda",
            "kube-system/ebs-csi-controller-sa": "ebs-csi",
            "kube-system/aws-node": "vpc-cni",
            "platform-jobs/schema": "schema",
            "platform-jobs/verify": "verify",
        }.items()
    }


def test_the_agent_reaches_the_platforms_own_things_alone(platform):
    statements = role_policies(platform, "agent")
    where, account, env = platform.region, platform.account_id, platform.environment
    tables = [f"arn:aws:dynamodb:{where}:{account}:table/{env}-{name}" for name in ("conversations", "sessions")]
    assert resources_of(statements, "dynamodb:") == {*tables, *(f"{table}/index/*" for table in tables)}
    assert resources_of(statements, "sns:Publish") == {f"arn:aws:sns:{where}:{account}:{env}-{name}" for name in TOPICS}
    buckets = {bucket["Name"] for bucket in platform.client("s3").list_buckets()["Buckets"]}
    named = {arn.split(":::")[1].split("/")[0] for arn in resources_of(statements, "s3:")}
    assert named <= buckets and len(named) == 4
    assert resources_of(statements, "sqs:") == set()


def test_the_consumers_read_every_queue(platform):
    queues = resources_of(role_policies(platform, "consumers"), "sqs:")
    assert {arn.rsplit(":", 1)[-1] for arn in queues} == {f"{platform.environment}-{name}" for name in TOPICS}


@pytest.mark.parametrize(
    ("role", "purposes"),
    [("agent", {"knowledge-documents", "user-uploads"}), ("consumers", {"knowledge-documents", "document-chunks"})],
)
def test_documents_are_written_by_both_and_chunks_by_the_consumers(platform, role, purposes):
    statements = [item for item in role_policies(platform, role) if "s3:PutObject" in item["Action"]]
    buckets = f"agent-{platform.environment}-{platform.account_id}-{platform.region}"
    found = {arn for item in statements for arn in ([item["Resource"]] if isinstance(item["Resource"], str) else item["Resource"])}
    assert found == {f"arn:aws:s3:::{buckets}-{purpose}/*" for purpose in purposes}


def test_external_secrets_reads_the_environments_secrets(platform):
    policies = role_policies(platform, "ext-secrets")
    prefix = f"arn:aws:secretsmanager:{platform.region}:{platform.account_id}:secret"
    assert resources_of(policies, "secretsmanager:") == {f"{prefix}:{platform.environment}/*"}
    # What proves to the load balancer that a request came through CloudFront is no pod's business.
    assert resources_of(policies, "secretsmanager:", "Deny") == {f"{prefix}:{platform.environment}/cloudfront-origin-??????"}


def test_the_service_linked_roles_of_nodes_stand(platform):
    roles = platform.client("iam").list_roles(PathPrefix="/aws-service-role/")["Roles"]
    services = {role["Path"].split("/")[2] for role in roles}
    assert {"autoscaling.amazonaws.com", "eks.amazonaws.com", "eks-nodegroup.amazonaws.com"} <= services
    assert ("spot.amazonaws.com" in services) is not platform.is_prod


def test_the_networks_subnets_name_the_cluster(platform, name):
    subnets = platform.client("ec2").describe_subnets(SubnetIds=sorted(private_subnets(platform)))["Subnets"]
    for subnet in subnets:
        assert {"Key": f"kubernetes.io/cluster/{name}", "Value": "shared"} in subnet["Tags"]
