"""Patches to EKS clusters: what they are made of, what surrounds them, how they go."""

from __future__ import annotations

import base64
import ipaddress
import re
from typing import Any

import moto.ec2.models  # noqa: F401 - with its patches, before they are imported by themselves
from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random as random

from local_aws import kubernetes_api
from local_aws.gate import GATE
from local_aws.patches import patch
from local_aws.patches.ec2_common import SWEEPS as EC2_SWEEPS
from local_aws.patches.eks_common import (
    SWEEPS,
    Cluster,
    bad_parameter,
    bad_request,
    cluster_of,
    in_use,
    must_rest,
    operation,
    page,
    sweep,
)
from local_aws.patches.eks_versions import DEFAULT_KUBERNETES, KUBERNETES, POLICY_ARN

NAME = re.compile(r"[0-9A-Za-z][A-Za-z0-9\-_]{0,99}")
LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
ANYWHERE = ["0.0.0.0/0"]
# Not answered before the control plane stands.
LATE = ("endpoint", "identity")


def ec2_of(backend: Any) -> Any:
    """EC2 in the same account and region."""
    from moto.ec2.models import ec2_backends

    return ec2_backends[backend.account_id][backend.region_name]


def role_of(backend: Any, arn: str, service: str, message: str) -> Any:
    """The role, which must exist and trust the service; else InvalidParameterException."""
    from moto.iam.models import iam_backends

    iam = iam_backends[backend.account_id][backend.partition]
    for role in iam.roles.values():
        if role.arn == arn and service in str(role.assume_role_policy_document):
            return role
    raise bad_parameter(message)


def subnets_of(backend: Any, ids: list[str], zones: int = 1) -> list[Any]:
    """The subnets, which must exist, lie in one VPC and in at least so many zones."""
    ec2 = ec2_of(backend)
    known = {subnet.id: subnet for by_zone in ec2.subnets.values() for subnet in by_zone.values()}
    missing = [item for item in ids if item not in known]
    if missing:
        raise bad_parameter(f"The subnet ID '{missing[0]}' does not exist")
    found = [known[item] for item in ids]
    if len({subnet.availability_zone for subnet in found}) < zones:
        raise bad_parameter("Subnets specified must be in at least two different AZs" if zones > 1 else "Subnets are required")
    if len({subnet.vpc_id for subnet in found}) != 1:
        raise bad_parameter("Subnets specified must be in the same VPC")
    return found


def check_groups(backend: Any, ids: list[str], vpc_id: str) -> None:
    """Groups must exist in the cluster's VPC."""
    ec2 = ec2_of(backend)
    for item in ids:
        group = ec2.get_security_group_from_id(item)
        if group is None or group.vpc_id != vpc_id:
            raise bad_parameter(f"The security group '{item}' does not exist in VPC '{vpc_id}'")


def access_of(given: dict[str, Any], standing: dict[str, Any]) -> dict[str, Any]:
    """Who reaches the endpoint, of what is given over what stands."""
    keys = ("endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs")
    access = {key: given.get(key, standing[key]) for key in keys}
    if not (access["endpointPublicAccess"] or access["endpointPrivateAccess"]):
        raise bad_parameter("Private and public endpoint access cannot be false")
    for cidr in access["publicAccessCidrs"]:
        try:
            ipaddress.ip_network(cidr, strict=False)
        except ValueError:
            raise bad_parameter(f"The following CIDRs are invalid in publicAccessCidrs: [{cidr}]") from None
    if not access["endpointPublicAccess"]:
        access["publicAccessCidrs"] = []
    elif not access["publicAccessCidrs"]:
        access["publicAccessCidrs"] = list(ANYWHERE)
    return access


def logging_of(given: dict[str, Any] | None, standing: tuple[str, ...] = ()) -> dict[str, Any]:
    """All five logs, the enabled ones first: what is given over what is on already."""
    on = set(standing)
    for setup in (given or {}).get("clusterLogging") or []:
        types = set(setup.get("types") or ())
        on = on | types if setup.get("enabled") else on - types
    setups = [([name for name in LOGS if name in on], True), ([name for name in LOGS if name not in on], False)]
    return {"clusterLogging": [{"types": types, "enabled": enabled} for types, enabled in setups if types]}


def logs_on(logging: dict[str, Any]) -> tuple[str, ...]:
    """The logs that are on."""
    return tuple(name for setup in logging["clusterLogging"] if setup["enabled"] for name in setup["types"])


def check_encryption(config: list[dict[str, Any]]) -> None:
    """Secrets, and nothing else, on one KMS key."""
    for item in config:
        if item.get("resources") != ["secrets"]:
            raise bad_parameter("The only supported value for resources is secrets")
        if not str(item.get("provider", {}).get("keyArn", "")).startswith("arn:"):
            raise bad_parameter("keyArn is not a valid ARN")


@patch
def clusters() -> None:
    """AWS checks the role, the subnets (two zones, one VPC), the groups, the version, the endpoint access; shows every setting with
    its default; gives each cluster an issuer and a certificate of its own, shown once it is there; takes the same
    clientRequestToken for the same call; makes access entries for EKS's own role and for the creator. moto checks
    nothing, drops accessConfig, upgradePolicy, deletionProtection and others, knows no VPC, and gives all clusters one issuer."""

    @operation("CreateCluster")
    def create(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        name, token = given["name"], given.get("clientRequestToken")
        if name in backend.clusters:
            standing = backend.clusters[name]
            if token and standing.token == token:
                return {"cluster": _describe(backend, standing)}
            raise in_use(f"Cluster already exists with name: {name}", clusterName=name)
        cluster = Cluster(_shown(backend, given), token)
        backend.clusters[name] = cluster
        _surround(backend, cluster)
        _admit_creator(backend, cluster)
        return {"cluster": _describe(backend, cluster)}

    @operation("DescribeCluster")
    def describe(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        return {"cluster": _describe(backend, cluster_of(backend, given["name"]))}

    @operation("ListClusters")
    def list_clusters(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        return page(given, "clusters", sorted(backend.clusters))


def _shown(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The cluster that is asked for, checked."""
    name, version = given["name"], given.get("version") or DEFAULT_KUBERNETES
    if not NAME.fullmatch(name):
        raise bad_parameter(f"Cluster name is invalid: {name}")
    if version not in KUBERNETES:
        raise bad_parameter("unsupported Kubernetes version", clusterName=name)
    message = (
        f"Role with arn: {given['roleArn']}, could not be assumed because it does not exist or the trusted entity is not correct"
    )
    role_of(backend, given["roleArn"], "eks.amazonaws.com", message)
    vpc = given["resourcesVpcConfig"]
    subnets = subnets_of(backend, vpc.get("subnetIds") or [], zones=2)
    vpc_id = subnets[0].vpc_id
    check_groups(backend, vpc.get("securityGroupIds") or [], vpc_id)
    check_encryption(given.get("encryptionConfig") or [])
    access = access_of(vpc, {"endpointPublicAccess": True, "endpointPrivateAccess": False, "publicAccessCidrs": ANYWHERE})
    within_ten = ec2_of(backend).vpcs[vpc_id].cidr_block.startswith("10.")
    network = given.get("kubernetesNetworkConfig") or {}
    identity = random.get_random_hex(32).upper()
    arn = f"arn:{backend.partition}:eks:{backend.region_name}:{backend.account_id}:cluster/{name}"
    certificate = f"-----BEGIN CERTIFICATE-----\n{random.get_random_string(64)}\n-----END CERTIFICATE-----\n"
    return {
        "name": name,
        "arn": arn,
        "createdAt": utcnow(),
        "version": version,
        "endpoint": f"https://{identity}.gr7.{backend.region_name}.eks.amazonaws.com",
        "roleArn": given["roleArn"],
        "resourcesVpcConfig": {
            "subnetIds": list(vpc["subnetIds"]),
            "securityGroupIds": list(vpc.get("securityGroupIds") or []),
            "vpcId": vpc_id,
            **access,
        },
        "kubernetesNetworkConfig": {
            "serviceIpv4Cidr": network.get("serviceIpv4Cidr") or ("172.20.0.0/16" if within_ten else "10.100.0.0/16"),
            "ipFamily": network.get("ipFamily") or "ipv4",
            "elasticLoadBalancing": network.get("elasticLoadBalancing") or {"enabled": False},
        },
        "logging": logging_of(given.get("logging")),
        "identity": {"oidc": {"issuer": f"https://oidc.eks.{backend.region_name}.amazonaws.com/id/{identity}"}},
        "certificateAuthority": {"data": base64.b64encode(certificate.encode()).decode()},
        "clientRequestToken": given.get("clientRequestToken"),
        "platformVersion": KUBERNETES[version][2],
        "tags": dict(given.get("tags") or {}),
        "encryptionConfig": given.get("encryptionConfig") or [],
        "accessConfig": {
            "bootstrapClusterCreatorAdminPermissions": True,
            "authenticationMode": "CONFIG_MAP",
            **(given.get("accessConfig") or {}),
        },
        "upgradePolicy": given.get("upgradePolicy") or {"supportType": "EXTENDED"},
        "zonalShiftConfig": given.get("zonalShiftConfig") or {"enabled": False},
        "remoteNetworkConfig": given.get("remoteNetworkConfig"),
        "computeConfig": given.get("computeConfig") or {"enabled": False},
        "storageConfig": given.get("storageConfig") or {"blockStorage": {"enabled": False}},
        "deletionProtection": bool(given.get("deletionProtection")),
        "controlPlaneScalingConfig": given.get("controlPlaneScalingConfig") or {"tier": "standard"},
    }


def _describe(backend: Any, cluster: Any) -> dict[str, Any]:
    answer = cluster.describe()
    if GATE.settings.kubernetes_api:
        endpoint, authority = kubernetes_api.address_of(backend, cluster.name)
        answer = {**answer, "endpoint": endpoint, "certificateAuthority": {"data": base64.b64encode(authority.encode()).decode()}}
    if answer["status"] in ("CREATING", "FAILED"):
        answer = {key: value for key, value in answer.items() if key not in LATE}
        answer["certificateAuthority"] = {}
        hidden = ("clusterSecurityGroupId",)
        vpc = answer["resourcesVpcConfig"]
        answer["resourcesVpcConfig"] = {key: value for key, value in vpc.items() if key not in hidden}
    return answer


@patch
def what_surrounds_a_cluster() -> None:
    """AWS makes a security group for the cluster and its nodes (its members let each other in), and interfaces in its subnets, and
    deletes them with the cluster, the group unless something refers to it; it makes the log group of the control plane where there
    is none, as often as it writes. moto makes none of them."""

    def finish(backend: Any, cluster: Any) -> None:
        ec2 = ec2_of(backend)
        _detach(ec2, cluster)
        group = ec2.get_security_group_from_id(cluster.group_id)
        if group is not None and not _used(ec2, group):
            ec2.delete_security_group(group_id=group.id)
        write_logs(backend, cluster)

    SWEEPS.append(finish)

    def sweep_from_ec2(ec2: Any) -> None:
        """A cluster whose time has come holds neither group nor subnet any more."""
        from moto.eks.models import eks_backends

        accounts = eks_backends.get(ec2.account_id) or {}
        if ec2.region_name in accounts.keys():  # noqa: SIM118 - `in` alone asks for known regions
            sweep(accounts[ec2.region_name])

    EC2_SWEEPS.append(sweep_from_ec2)


def _surround(backend: Any, cluster: Any) -> None:
    ec2, vpc = ec2_of(backend), cluster.shown["resourcesVpcConfig"]
    name = f"eks-cluster-sg-{cluster.name}-{random.randint(10**8, 10**10)}"
    tags = {"Name": name, f"kubernetes.io/cluster/{cluster.name}": "owned", "aws:eks:cluster-name": cluster.name}
    text = (
        "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed "
        "workloads."
    )
    group = ec2.create_security_group(name, text, vpc_id=vpc["vpcId"], tags=tags)
    ec2.authorize_security_group_ingress(group.id, "-1", None, None, [], source_groups=[{"GroupId": group.id}])
    cluster.group_id = vpc["clusterSecurityGroupId"] = group.id
    attach(backend, cluster)
    write_logs(backend, cluster)


def attach(backend: Any, cluster: Any) -> None:
    """Put the control plane's interfaces into the subnets that it has now."""
    ec2, vpc = ec2_of(backend), cluster.shown["resourcesVpcConfig"]
    _detach(ec2, cluster)
    groups = [cluster.group_id, *vpc["securityGroupIds"]]
    for subnet in vpc["subnetIds"]:
        made = ec2.create_network_interface(subnet, [], group_ids=groups, description=f"Amazon EKS {cluster.name}")
        cluster.interfaces.append(made.id)


def _detach(ec2: Any, cluster: Any) -> None:
    while cluster.interfaces:
        ec2.enis.pop(cluster.interfaces.pop(), None)


def _used(ec2: Any, group: Any) -> bool:
    others = [item for groups in ec2.groups.values() for item in groups.values() if item is not group]
    rules = [rule for item in others for rule in (*item.ingress_rules, *item.egress_rules)]
    return any(rule.source_group.get("GroupId") == group.id for rule in rules) or any(
        group in interface._group_set for interface in ec2.enis.values()
    )


def write_logs(backend: Any, cluster: Any) -> None:
    """The control plane writes to its log group, and makes it first where it is missing."""
    from moto.logs.models import logs_backends

    logs, name = logs_backends[backend.account_id][backend.region_name], f"/aws/eks/{cluster.name}/cluster"
    if logs_on(cluster.shown["logging"]) and name not in logs.groups:
        logs.create_log_group(name, {})


def _admit_creator(backend: Any, cluster: Any) -> None:
    """EKS itself has an entry; the creator is an administrator, unless the cluster is not to have it so."""
    from local_aws.patches.eks_access import entry_of

    access = cluster.shown["accessConfig"]
    if access["authenticationMode"] == "CONFIG_MAP":
        return
    service = "eks.amazonaws.com/AWSServiceRoleForAmazonEKS"
    linked = f"arn:{backend.partition}:iam::{backend.account_id}:role/aws-service-role/{service}"
    cluster.entries[linked] = entry_of(backend, cluster, {"principalArn": linked})
    if access["bootstrapClusterCreatorAdminPermissions"]:
        creator = f"arn:{backend.partition}:iam::{backend.account_id}:user/moto"
        entry = cluster.entries[creator] = entry_of(backend, cluster, {"principalArn": creator})
        entry["policies"] = {
            POLICY_ARN + "AmazonEKSClusterAdminPolicy": {
                "policyArn": POLICY_ARN + "AmazonEKSClusterAdminPolicy",
                "accessScope": {"type": "cluster", "namespaces": []},
                "associatedAt": utcnow(),
                "modifiedAt": utcnow(),
            }
        }


@patch
def deletion_of_clusters() -> None:
    """AWS refuses to delete a cluster that has node groups or Fargate profiles, or is being changed (ResourceInUseException), or is
    protected (InvalidRequestException). moto asks for node groups only."""

    @operation("DeleteCluster")
    def delete(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        cluster = cluster_of(backend, given["name"])
        if cluster.shown["deletionProtection"]:
            message = f"Cluster {cluster.name} has deletion protection enabled. Disable deletion protection and try again."
            raise bad_request(message, clusterName=cluster.name)
        if cluster.nodegroups:
            names = ",".join(sorted(cluster.nodegroups))
            raise in_use("Cluster has nodegroups attached", clusterName=cluster.name, nodegroupName=names)
        if cluster.fargate_profiles:
            raise in_use("Cluster has fargate profiles attached", clusterName=cluster.name)
        must_rest(cluster, f"Cluster {cluster.name}", clusterName=cluster.name)
        cluster.begin("DELETING")
        answer = {"cluster": _describe(backend, cluster)}
        sweep(backend)
        return answer
