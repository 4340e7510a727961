"""What EKS offers: Kubernetes versions with their dates, add-ons with their versions, access policies. As of early 2026."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from local_aws.patches import patch
from local_aws.patches.eks_common import bad_parameter, not_found, operation, page

STANDARD, EXTENDED = "standard-support", "extended-support"
# Version: status, latest patch, platform, released, end of standard support, end of extended support.
KUBERNETES = {
    "1.30": (EXTENDED, "1.30.14", "eks.58", "2024-05-23", "2025-07-23", "2026-07-23"),
    "1.31": (EXTENDED, "1.31.14", "eks.54", "2024-09-26", "2025-11-26", "2026-11-26"),
    "1.32": (STANDARD, "1.32.11", "eks.39", "2025-01-23", "2026-03-23", "2027-03-23"),
    "1.33": (STANDARD, "1.33.7", "eks.32", "2025-05-29", "2026-07-29", "2027-07-29"),
    "1.34": (STANDARD, "1.34.3", "eks.17", "2025-10-02", "2026-12-02", "2027-12-02"),
    "1.35": (STANDARD, "1.35.0", "eks.5", "2026-01-27", "2027-03-27", "2028-03-27"),
}
DEFAULT_KUBERNETES = "1.34"
_ALL = tuple(KUBERNETES)

# Add-on: type, namespace, needs IAM permissions, versions for each Kubernetes version, newest first;
# the second is the default where there are two.
ADDONS: dict[str, tuple[str, str, bool, dict[str, tuple[str, ...]]]] = {
    "vpc-cni": ("networking", "kube-system", True, dict.fromkeys(_ALL, ("v1.21.1-eksbuild.1", "v1.20.4-eksbuild.2"))),
    "coredns": (
        "networking",
        "kube-system",
        False,
        {
            "1.30": ("v1.11.4-eksbuild.24", "v1.11.4-eksbuild.2"),
            "1.31": ("v1.11.4-eksbuild.24", "v1.11.4-eksbuild.2"),
            "1.32": ("v1.11.4-eksbuild.24", "v1.11.4-eksbuild.2"),
            "1.33": ("v1.12.4-eksbuild.1", "v1.12.1-eksbuild.2"),
            "1.34": ("v1.12.4-eksbuild.1", "v1.12.3-eksbuild.1"),
            "1.35": ("v1.13.1-eksbuild.1", "v1.13.0-eksbuild.1"),
        },
    ),
    "kube-proxy": (
        "networking",
        "kube-system",
        False,
        {
            "1.30": ("v1.30.14-eksbuild.20", "v1.30.14-eksbuild.8"),
            "1.31": ("v1.31.14-eksbuild.2", "v1.31.10-eksbuild.8"),
            "1.32": ("v1.32.11-eksbuild.2", "v1.32.6-eksbuild.12"),
            "1.33": ("v1.33.7-eksbuild.2", "v1.33.3-eksbuild.4"),
            "1.34": ("v1.34.3-eksbuild.2", "v1.34.0-eksbuild.2"),
            "1.35": ("v1.35.0-eksbuild.2", "v1.35.0-eksbuild.1"),
        },
    ),
    "aws-ebs-csi-driver": (
        "storage",
        "kube-system",
        True,
        dict.fromkeys(_ALL, ("v1.54.0-eksbuild.1", "v1.48.0-eksbuild.2")),
    ),
    "aws-efs-csi-driver": ("storage", "kube-system", True, dict.fromkeys(_ALL, ("v2.2.0-eksbuild.1", "v2.1.11-eksbuild.1"))),
    "eks-pod-identity-agent": (
        "security",
        "kube-system",
        False,
        dict.fromkeys(_ALL, ("v1.3.10-eksbuild.2", "v1.3.8-eksbuild.2")),
    ),
    "metrics-server": (
        "observability",
        "kube-system",
        False,
        dict.fromkeys(_ALL, ("v0.8.0-eksbuild.6", "v0.8.0-eksbuild.2")),
    ),
    "amazon-cloudwatch-observability": (
        "observability",
        "amazon-cloudwatch",
        True,
        dict.fromkeys(_ALL, ("v4.8.0-eksbuild.1", "v4.5.0-eksbuild.1")),
    ),
    "snapshot-controller": ("storage", "kube-system", False, dict.fromkeys(_ALL, ("v8.3.0-eksbuild.1",))),
}

POLICIES = (
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSAutoNodePolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSHybridPolicy",
    "AmazonEKSSecretReaderPolicy",
    "AmazonEKSViewPolicy",
)
POLICY_ARN = "arn:aws:eks::aws:cluster-access-policy/"


def minor(version: str) -> int:
    """34 of 1.34."""
    return int(version.split(".")[1])


def default_addon_version(name: str, kubernetes: str) -> str:
    """The version of an add-on that AWS takes where none is named."""
    versions = ADDONS[name][3][kubernetes]
    return versions[-1]


def addon_versions(name: str, kubernetes: str) -> tuple[str, ...]:
    """The versions of an add-on for a Kubernetes version, the newest first; empty where there are none."""
    return ADDONS[name][3].get(kubernetes, ()) if name in ADDONS else ()


def release(version: str) -> str:
    """The newest release of the node image for a Kubernetes version."""
    return f"{KUBERNETES[version][1]}-20260120"


def _date(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@patch
def versions() -> None:
    """AWS lists the Kubernetes versions with the dates of their support, the add-ons with their versions and which is the default,
    and the access policies. moto lists none of them."""

    @operation("DescribeClusterVersions")
    def cluster_versions(_backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        wanted = given.get("clusterVersions") or list(KUBERNETES)
        status = given.get("versionStatus", given.get("status") or "").lower().replace("_", "-")
        found = []
        for version in sorted(KUBERNETES, key=minor, reverse=True):
            support, patch_version, platform, released, standard, extended = KUBERNETES[version]
            default = version == DEFAULT_KUBERNETES
            if version not in wanted or (status and support != status) or (given.get("defaultOnly") and not default):
                continue
            found.append(
                {
                    "clusterVersion": version,
                    "clusterType": given.get("clusterType") or "eks",
                    "defaultPlatformVersion": platform,
                    "defaultVersion": default,
                    "releaseDate": _date(released),
                    "endOfStandardSupportDate": _date(standard),
                    "endOfExtendedSupportDate": _date(extended),
                    "status": support,
                    "versionStatus": support.upper().replace("-", "_"),
                    "kubernetesPatchVersion": patch_version,
                }
            )
        return page(given, "clusterVersions", found)

    @operation("DescribeAddonVersions")
    def describe_addon_versions(_backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        kubernetes, name = given.get("kubernetesVersion"), given.get("addonName")
        if kubernetes and kubernetes not in KUBERNETES:
            raise bad_parameter(f"Kubernetes version {kubernetes} is not supported")
        if name and name not in ADDONS:
            raise not_found(f"Addon {name} specified is not supported", addonName=name)
        types, owners = given.get("types") or (), given.get("owners") or ("aws",)
        found = [
            _info(addon, kubernetes)
            for addon in ADDONS
            if name in (None, addon) and (not types or ADDONS[addon][0] in types) and "aws" in owners
        ]
        return page(given, "addons", [item for item in found if item["addonVersions"]])

    @operation("DescribeAddonConfiguration")
    def describe_addon_configuration(_backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        name, version = given["addonName"], given["addonVersion"]
        if not any(version in addon_versions(name, kubernetes) for kubernetes in KUBERNETES):
            raise not_found(f"Addon {name} with version {version} is not supported", addonName=name)
        schema = '{"$schema": "http://json-schema.org/draft-06/schema#", "type": "object"}'
        return {"addonName": name, "addonVersion": version, "configurationSchema": schema}

    @operation("ListAccessPolicies")
    def list_access_policies(_backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        return page(given, "accessPolicies", [{"name": name, "arn": POLICY_ARN + name} for name in POLICIES])


def _info(name: str, kubernetes: str | None) -> dict[str, Any]:
    kind, namespace, permissions, by_kubernetes = ADDONS[name]
    supported = {version: versions for version, versions in by_kubernetes.items() if kubernetes in (None, version)}
    infos = []
    for addon_version in dict.fromkeys(item for versions in reversed(supported.values()) for item in versions):
        compatibilities = [
            {
                "clusterVersion": version,
                "platformVersions": ["*"],
                "defaultVersion": default_addon_version(name, version) == addon_version,
            }
            for version, versions in reversed(supported.items())
            if addon_version in versions
        ]
        infos.append(
            {
                "addonVersion": addon_version,
                "architecture": ["amd64", "arm64"],
                "computeTypes": ["ec2"],
                "compatibilities": compatibilities,
                "requiresConfiguration": False,
                "requiresIamPermissions": permissions,
            }
        )
    return {
        "addonName": name,
        "type": kind,
        "addonVersions": infos,
        "publisher": "eks",
        "owner": "aws",
        "defaultNamespace": namespace,
    }
