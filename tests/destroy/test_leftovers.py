"""What controllers in a cluster leave in our network, and what other clusters do."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.aws import session
from support import teardown, tiers
from support.census import census


def tags(**more: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in more.items()]


def specification(kind: str, marks: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": marks}]


def litter(whole: Any, cluster: str, vpc: str, subnets: list[str], name: str) -> dict[str, str]:
    """One of everything that controllers of ``cluster`` make, in ``vpc``; what -> its id."""
    client = whole.client
    ec2, elb, classic = client("ec2"), client("elbv2"), client("elb")
    owned, controller = tags(**{f"kubernetes.io/cluster/{cluster}": "owned"}), tags(**{"elbv2.k8s.aws/cluster": cluster})
    made: dict[str, str] = {}
    for what, marks in (("frontend", controller), ("service", owned)):
        made[f"group {what}"] = ec2.create_security_group(
            GroupName=f"k8s-{name}-{what}", Description="made", VpcId=vpc, TagSpecifications=specification("security-group", marks)
        )["GroupId"]
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    pair = [{"GroupId": made["group frontend"]}]
    ec2.authorize_security_group_ingress(GroupId=made["group service"], IpPermissions=[{**permission, "UserIdGroupPairs": pair}])
    made["load balancer"] = elb.create_load_balancer(
        Name=f"k8s-{name}", Subnets=subnets[:2], SecurityGroups=[made["group frontend"]], Tags=controller
    )["LoadBalancers"][0]["LoadBalancerArn"]
    made["target group"] = elb.create_target_group(
        Name=f"k8s-{name}", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip", Tags=controller
    )["TargetGroups"][0]["TargetGroupArn"]
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}
    classic.create_load_balancer(
        LoadBalancerName=f"a{name}",
        Listeners=[listener],
        Subnets=subnets[:1],
        SecurityGroups=[made["group service"]],
        Tags=owned,
    )
    made["classic"] = f"a{name}"
    made["interface"] = ec2.create_network_interface(
        SubnetId=subnets[0],
        Groups=[made["group service"]],
        TagSpecifications=specification("network-interface", tags(**{"cluster.k8s.amazonaws.com/name": cluster})),
    )["NetworkInterface"]["NetworkInterfaceId"]
    made["instance"] = ec2.run_instances(
        ImageId="ami-12c6146b",
        MinCount=1,
        MaxCount=1,
        SubnetId=subnets[0],
        TagSpecifications=specification("instance", [*owned, *tags(**{"karpenter.sh/nodepool": "general"})]),
    )["Instances"][0]["InstanceId"]
    made["volume"] = ec2.create_volume(
        AvailabilityZone="us-east-1a",
        Size=1,
        Encrypted=True,
        KmsKeyId="alias/aws/ebs" if cluster != whole.cluster else ebs_key(whole),
        TagSpecifications=specification("volume", [*owned, *tags(**{"ebs.csi.aws.com/cluster": "true"})]),
    )["VolumeId"]
    return made


def ebs_key(whole: Any) -> str:
    names = {alias["AliasName"]: alias["AliasArn"] for alias in whole.client("kms").list_aliases()["Aliases"]}
    alias = names.get(f"alias/{whole.environment}/eks") or names[f"alias/{whole.environment}/shared"]
    return whole.client("kms").describe_key(KeyId=alias)["KeyMetadata"]["Arn"]


def standing(whole: Any, made: dict[str, str]) -> set[str]:
    """Which of it still stands."""
    client = whole.client
    ec2 = client("ec2")
    ids = {group["GroupId"] for group in ec2.describe_security_groups()["SecurityGroups"]}
    ids |= {item["NetworkInterfaceId"] for item in ec2.describe_network_interfaces()["NetworkInterfaces"]}
    ids |= {item["VolumeId"] for item in ec2.describe_volumes()["Volumes"]}
    ids |= {item["LoadBalancerArn"] for item in client("elbv2").describe_load_balancers()["LoadBalancers"]}
    ids |= {item["TargetGroupArn"] for item in client("elbv2").describe_target_groups()["TargetGroups"]}
    ids |= {item["LoadBalancerName"] for item in client("elb").describe_load_balancers()["LoadBalancerDescriptions"]}
    instances = [one for item in ec2.describe_instances()["Reservations"] for one in item["Instances"]]
    ids |= {one["InstanceId"] for one in instances if one["State"]["Name"] != "terminated"}
    return {what for what, identity in made.items() if identity in ids}


def test_what_controllers_left_goes_and_volumes_are_kept(dev):
    vpc = dev.vpc()
    made = litter(dev, dev.cluster, vpc, dev.subnets(vpc), "ours")
    iam, profile = dev.client("iam"), {"InstanceProfileName": f"{dev.cluster}_1"}
    iam.create_instance_profile(**profile, Tags=tags(**{"karpenter.k8s.aws/ec2nodeclass": "platform"}))
    iam.add_role_to_instance_profile(**profile, RoleName=f"{dev.deployment}-eks-nodes")
    looked = dev.look()
    assert looked.refusals == {}
    planned = {address.split("/")[0] for address in looked.gone if address.startswith("leftover_")}
    kinds = ("instance", "load_balancer", "classic_load_balancer", "target_group", "interface", "security_group")
    assert planned == {f"leftover_{kind}" for kind in kinds}
    done = dev.destroy()
    assert standing(dev, made) == {"volume"}
    assert iam.list_instance_profiles()["InstanceProfiles"] == [], "IAM deletes no role that is in one"
    assert "holds data" in done.kept[f"leftover_volume/{made['volume']}"]
    assert "holds data" in done.kept["kms_key/shared"]


def test_a_volume_leaves_a_snapshot_and_keeps_its_key(dev):
    vpc = dev.vpc()
    made = litter(dev, dev.cluster, vpc, dev.subnets(vpc), "ours")
    done = dev.destroy(data=True)
    assert standing(dev, made) == set()
    mine = [{"Name": "tag:agent-platform:deployment", "Values": [dev.deployment]}]
    (snapshot,) = dev.client("ec2").describe_snapshots(OwnerIds=["self"], Filters=mine)["Snapshots"]
    name = next(tag["Value"] for tag in snapshot["Tags"] if tag["Key"] == "Name")
    assert snapshot["VolumeId"] == made["volume"]
    assert done.left == [f"volume snapshot {name}"]
    assert done.kept == {"kms_key/shared": f"the volume snapshot {name}, which is kept, rests on it"}
    again = dev.destroy(data=True)
    assert again.gone == []
    assert again.kept == done.kept


def test_interfaces_of_a_nameless_network_plugin_go_by_the_network(dev):
    vpc = dev.vpc()
    marks = specification("network-interface", tags(**{"node.k8s.amazonaws.com/instance_id": "i-0123456789abcdef0"}))
    ec2 = dev.client("ec2")
    ours = ec2.create_network_interface(SubnetId=dev.subnets(vpc)[0], TagSpecifications=marks)["NetworkInterface"]
    default = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"][0]["SubnetId"]
    other = ec2.create_network_interface(SubnetId=default, TagSpecifications=marks)["NetworkInterface"]
    assert [address for address in dev.look().gone if address.startswith("leftover_")] == [
        f"leftover_interface/{ours['NetworkInterfaceId']}"
    ]
    assert other["NetworkInterfaceId"]


def test_others_clusters_are_not_touched(dev):
    """In a network of its own with our CIDR."""
    ec2 = dev.client("ec2")
    vpc = ec2.create_vpc(CidrBlock=ec2.describe_vpcs(VpcIds=[dev.vpc()])["Vpcs"][0]["CidrBlock"])["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    zones = {"us-east-1a": "1", "us-east-1b": "2"}
    prefix = ".".join(ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlock"].split(".")[:2])
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"{prefix}.{part}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for zone, part in zones.items()
    ]
    made = litter(dev, "neighbour", vpc, subnets, "theirs")
    dev.destroy(data=True)
    assert standing(dev, made) == set(made)
    assert any(name == "untagged vpc" for name in census(dev.client)["vpc"])


def test_what_is_left_of_a_former_cluster_in_our_network_goes(dev):
    """One that neither stands nor is configured any more."""
    vpc = dev.vpc()
    made = litter(dev, "former", vpc, dev.subnets(vpc), "former")
    dev.destroy()
    assert standing(dev, made) == {"volume"}


@pytest.mark.parametrize("whose", ["a stranger's cluster", "nodes of their own"])
def test_what_strangers_have_in_our_network_is_not_touched(dev, whose):
    vpc, ec2 = dev.vpc(), dev.client("ec2")
    marks = tags(**{"kubernetes.io/cluster/theirs": "owned"})
    subnet = dev.subnets(vpc)[0]
    group = ec2.create_security_group(
        GroupName="theirs", Description="theirs", VpcId=vpc, TagSpecifications=specification("security-group", marks)
    )["GroupId"]
    if whose == "nodes of their own":
        ec2.run_instances(
            ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet, TagSpecifications=specification("instance", marks)
        )
    else:
        default = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
        role = dev.client("eks").describe_cluster(name=dev.cluster)["cluster"]["roleArn"]
        dev.client("eks").create_cluster(
            name="theirs", roleArn=role, resourcesVpcConfig={"subnetIds": [item["SubnetId"] for item in default[:2]]}
        )
    looked = dev.look()
    assert [address for address in looked.gone if address.startswith("leftover_")] == []
    assert group


def range_of(dev):
    ec2 = dev.client("ec2")
    return ".".join(ec2.describe_vpcs(VpcIds=[dev.vpc()])["Vpcs"][0]["CidrBlock"].split(".")[:2]) + ".255.240/28"


def test_what_strangers_have_in_the_network_keeps_it_and_is_named(dev):
    ec2, vpc = dev.client("ec2"), dev.vpc()
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=range_of(dev))["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="theirs", Description="by hand", VpcId=vpc)["GroupId"]
    looked = dev.look(data=True)
    assert looked.kept["vpc/main"] == (
        f"{subnet} ({range_of(dev)}), {group} (theirs) in {vpc} was not made by deployment {dev.deployment}: "
        "delete it and run again"
    )
    # It goes on being watched.
    assert {address.split("/", 1)[0] for address in looked.kept} == {"vpc", "flow_log", "log_group", "iam_role", "kms_key"}
    assert dev.destroy(data=True).kept == looked.kept
    found = {subnet["SubnetId"] for subnet in ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]}
    assert found == {subnet}
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=group)
    assert dev.destroy(data=True).kept == {}
    assert dev.census() == {}


@pytest.mark.parametrize("what", ["a group", "an interface"])
def test_what_gets_into_the_network_meanwhile_is_named(dev, monkeypatch, what):
    monkeypatch.setattr(session, "SETTLING_DELAYS", (0,))
    ec2, vpc, cidr, made = dev.client("ec2"), dev.vpc(), range_of(dev), []

    def appear(call: Any) -> None:
        if call.operation == "DeleteInternetGateway" and not made:
            if what == "a group":
                group = ec2.create_security_group(GroupName="theirs", Description="by hand", VpcId=vpc)["GroupId"]
                made.append(f"vpc/main: {group} (theirs) still in {vpc}: delete it and run again")
                return
            subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)["Subnet"]["SubnetId"]
            interface = ec2.create_network_interface(SubnetId=subnet, Description="by hand")["NetworkInterface"]
            made.append(f"is still used by {interface['NetworkInterfaceId']} (by hand)")

    dev.aws.settings.fault(service="ec2", operation="DeleteInternetGateway", when="after", callback=appear)
    try:
        done = teardown.attempt(dev.parameters, dev.deployment, data=True)
    finally:
        dev.aws.settings.clear()
    assert made[0] in done.failures["vpc"]


def test_what_lost_our_tags_in_the_network_is_kept_with_it(dev):
    ec2 = dev.client("ec2")
    (subnet,) = ec2.describe_subnets(Filters=[{"Name": "tag:agent-platform:address", "Values": ["subnet/database-us-east-1a"]}])[
        "Subnets"
    ]
    ec2.delete_tags(Resources=[subnet["SubnetId"]], Tags=[{"Key": tag["Key"]} for tag in subnet["Tags"]])
    done = dev.destroy(data=True)
    assert "was not made by deployment" in done.kept["subnet/database-us-east-1a"]
    assert done.kept["vpc/main"] == "subnet/database-us-east-1a, which is kept, rests on it"


def test_both_clusters_name_is_no_leftover(dev):
    """A group that two clusters use is somebody's, and a mark of sharing is no mark of who made it."""
    ec2, vpc = dev.client("ec2"), dev.vpc()
    shared = tags(**{f"kubernetes.io/cluster/{dev.cluster}": "owned", "kubernetes.io/cluster/neighbour": "shared"})
    for name, marks in (("both", shared), ("shared", tags(**{f"kubernetes.io/cluster/{dev.cluster}": "shared"}))):
        ec2.create_security_group(
            GroupName=name, Description="by hand", VpcId=vpc, TagSpecifications=specification("security-group", marks)
        )
    assert [address for address in dev.look().gone if address.startswith("leftover_")] == []


@pytest.mark.parametrize("lift", [False, True])
def test_a_protected_load_balancer_of_a_controller(dev, lift):
    vpc = dev.vpc()
    made = litter(dev, dev.cluster, vpc, dev.subnets(vpc), "ours")
    dev.client("elbv2").modify_load_balancer_attributes(
        LoadBalancerArn=made["load balancer"], Attributes=tags(**{"deletion_protection.enabled": "true"})
    )
    looked = dev.look(lift=lift)
    if not lift:
        ((address, reason),) = looked.refusals.items()
        assert address.startswith("leftover_load_balancer/")
        assert (
            reason
            == "deletion protection of k8s-ours is on; let playbooks/destroy.yml lift it with -e lift_deletion_protection=true"
        )
        return
    dev.destroy(lift=True)
    assert "load balancer" not in standing(dev, made)


def test_what_appears_while_the_cluster_goes_is_swept(dev):
    """An interface that is let go of when the nodes end."""
    vpc = dev.vpc()
    subnet = dev.subnets(vpc)[0]
    marks = specification("network-interface", tags(**{"cluster.k8s.amazonaws.com/name": dev.cluster}))

    def appear(call: Any) -> None:
        if call.operation == "DeleteCluster":
            dev.client("ec2").create_network_interface(SubnetId=subnet, TagSpecifications=marks)

    dev.aws.settings.fault(service="eks", operation="DeleteCluster", when="after", callback=appear)
    try:
        done = dev.destroy()
    finally:
        dev.aws.settings.clear()
    assert [address for address in done.gone if address.startswith("leftover_interface/")]
    assert dev.client("ec2").describe_network_interfaces()["NetworkInterfaces"] == []


@pytest.mark.parametrize("data", [False, True])
def test_a_log_group_that_eks_made_anew(dev, data):
    logs, name = dev.client("logs"), f"/aws/eks/{dev.cluster}/cluster"
    dev.destroy(data=data)
    if data:
        logs.create_log_group(logGroupName=name)
    else:
        logs.delete_log_group(logGroupName=name)
        logs.create_log_group(logGroupName=name)
    logs.untag_log_group(logGroupName=name, tags=list(logs.list_tags_log_group(logGroupName=name)["tags"]) or ["none"])
    done = dev.destroy(data=data)
    standing = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    assert (name in standing) is not data
    assert ("log_group/eks-cluster" in (done.gone if data else done.kept)) is True
    if not data:
        assert "holds data" in done.kept["log_group/eks-cluster"]


@pytest.mark.parametrize("mark", ["tags", "retention", "key"])
def test_a_log_group_of_a_former_cluster_is_foreign_in_every_verb(dev, mark):
    """What EKS makes has none of that; and what EKS made is anybody's but in a destroy."""
    logs, name = dev.client("logs"), f"/aws/eks/{dev.cluster}/cluster"
    logs.delete_log_group(logGroupName=name)
    logs.create_log_group(logGroupName=name)
    # moto keeps the tags of one that is deleted for the next of its name.
    logs.untag_log_group(logGroupName=name, tags=list(logs.list_tags_log_group(logGroupName=name)["tags"]))
    plan = tiers.attempt(tiers.load("eks"), {**dev.parameters["eks"], "verb": "plan"})
    assert "log_group/eks-cluster" in {item["address"] for item in plan["refusals"]}
    if mark == "tags":
        logs.tag_log_group(logGroupName=name, tags={"team": "security"})
    elif mark == "retention":
        logs.put_retention_policy(logGroupName=name, retentionInDays=7)
    else:
        logs.associate_kms_key(logGroupName=name, kmsKeyId=ebs_key(dev))
    dev.aws.clear_requests()
    done = dev.look(data=True)
    assert "was not made by deployment" in done.kept["log_group/eks-cluster"]
    assert dev.aws.writes() == []


def test_an_ordinary_absent_leaves_to_controllers_what_they_made(dev):
    vpc = dev.vpc()
    made = litter(dev, dev.cluster, vpc, dev.subnets(vpc), "ours")
    result = tiers.run(tiers.load("eks"), {**dev.parameters["eks"], "state": "absent"})
    assert standing(dev, made) == set(made)
    assert not [item["address"] for item in result["plan"] if item["address"].startswith("leftover_")]
    assert dev.client("eks").list_clusters()["clusters"] == []
