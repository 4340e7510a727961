# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Launch templates: what EC2 gives every node of a group.

Facts: EC2 API reference (CreateLaunchTemplate, CreateLaunchTemplateVersion, DescribeLaunchTemplateVersions) and EKS user guide
("Customize managed nodes with launch templates": no instance type, no subnet and no role in it; the security groups in it replace
the cluster's own, which therefore has to be among them).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from ...aws.errors import is_code
from ...aws.tags import as_dict, specification
from ...reconcile.delta import Delta, Field
from ...reconcile.resource import Context, Observed, Resource, Stranger, View
from ..strangers import Candidate, among, for_its_name, prefixes
from .common import Ec2Kind

DEVICE = "/dev/xvda"
TAGGED = ("instance", "volume", "network-interface")


def normal(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in the form in which two that mean the same are equal."""
    return {**settings, "security_groups": sorted(settings.get("security_groups") or ())}


class LaunchTemplate(Ec2Kind):
    """``settings``: ``security_groups``, ``volume`` (``size_gib``, ``type``, ``iops``, ``throughput``, ``kms_key``), ``hop_limit``
    and ``instance_tags``. A change makes a new version, which becomes the default; whoever uses an older one goes on with it.
    """

    name = "launch_template"
    listing = ("describe_launch_templates", "LaunchTemplates", "LaunchTemplateId", "LaunchTemplateIds")
    resource_type = "launch-template"
    within = ("security_group",)
    fields = (Field("template_name", on_change="replace"), Field("settings", canonical=normal))

    def observe(self, view: View) -> Iterable[Observed]:
        found = list(super().observe(view))
        latest = [(item.id, str(item.attributes["version"])) for item in found]
        settings = settings_of_versions(view, latest)
        for item, version in zip(found, latest, strict=True):
            item.fields["settings"] = settings.get(version)
        return found

    def in_place_of(
        self, view: View, missing: Sequence[Resource], claimed: Container[str]
    ) -> Iterable[tuple[Resource, Mapping[str, Any]]]:
        """Those of their names."""
        wanted = {resource.desired["template_name"]: resource for resource in missing}
        filters = [{"Name": "launch-template-name", "Values": sorted(wanted)}]
        for item in view.api.pages("ec2", "describe_launch_templates", "LaunchTemplates", Filters=filters):
            if item["LaunchTemplateId"] not in claimed:
                yield wanted[item["LaunchTemplateName"]], item

    def strangers(self, view: View) -> Iterable[Stranger]:
        """Those of our names: a template is in no network."""
        found = view.api.pages("ec2", "describe_launch_templates", "LaunchTemplates")
        ours = [item for item in found if item["LaunchTemplateName"].startswith(prefixes(view))]
        yield from among(
            view,
            self,
            [Candidate(i["LaunchTemplateName"], i["LaunchTemplateId"], for_its_name(view), as_dict(i.get("Tags"))) for i in ours],
        )

    def values(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {"template_name": item["LaunchTemplateName"]}

    def attributes(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {"name": item["LaunchTemplateName"], "version": item["LatestVersionNumber"]}

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        answer = context.api.client("ec2").create_launch_template(
            LaunchTemplateName=desired["template_name"],
            LaunchTemplateData=_data(desired["settings"]),
            TagSpecifications=self.tagging(resource),
        )
        made = self.made(resource, answer["LaunchTemplate"])
        made.fields["settings"] = desired["settings"]
        return made

    def modify(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        if "settings" not in delta:
            return
        client, who = context.api.client("ec2"), {"LaunchTemplateId": observed.id}
        data = _data(delta["settings"].new)
        version = client.create_launch_template_version(**who, LaunchTemplateData=data)["LaunchTemplateVersion"]["VersionNumber"]
        client.modify_launch_template(**who, DefaultVersion=str(version))
        observed.attributes["version"] = version

    def remove(self, client: Any, observed: Observed) -> None:
        client.delete_launch_template(LaunchTemplateId=observed.id)


def settings_of_versions(view: View, versions: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    """(template id, version) -> its settings, for those that stand."""
    wanted = sorted({version for version in versions if all(version)})
    client = view.api.client("ec2")

    def read(version: tuple[str, str]) -> dict[str, Any] | None:
        try:
            answer = client.describe_launch_template_versions(LaunchTemplateId=version[0], Versions=[version[1]])
        except Exception as error:
            if is_code(error, "NotFound", "InvalidLaunchTemplateId.VersionNotFound"):
                return None
            raise
        return _settings(answer["LaunchTemplateVersions"][0]["LaunchTemplateData"])

    found = dict(zip(wanted, view.api.map(read, wanted), strict=True))
    return {version: settings for version, settings in found.items() if settings is not None}


def _data(settings: Mapping[str, Any]) -> dict[str, Any]:
    volume = settings["volume"]
    return {
        "SecurityGroupIds": settings["security_groups"],
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": settings["hop_limit"],
        },
        "BlockDeviceMappings": [
            {
                "DeviceName": DEVICE,
                "Ebs": {
                    "VolumeSize": volume["size_gib"],
                    "VolumeType": volume["type"],
                    "Iops": volume["iops"],
                    "Throughput": volume["throughput"],
                    "Encrypted": True,
                    "KmsKeyId": volume["kms_key"],
                    "DeleteOnTermination": True,
                },
            }
        ],
        "TagSpecifications": [one for kind in TAGGED for one in specification(kind, settings["instance_tags"])],
    }


def _settings(data: Mapping[str, Any]) -> dict[str, Any]:
    """What ``_data`` wrote; a token that is optional shows as no hop limit, a volume that is not encrypted as one without a key."""
    metadata = data.get("MetadataOptions") or {}
    devices = {device.get("DeviceName"): device.get("Ebs") or {} for device in data.get("BlockDeviceMappings") or ()}
    ebs = devices.get(DEVICE, {})
    tags = {one["ResourceType"]: as_dict(one.get("Tags")) for one in data.get("TagSpecifications") or ()}
    secure = metadata.get("HttpTokens") == "required" and metadata.get("HttpEndpoint", "enabled") == "enabled"
    return {
        "security_groups": sorted(data.get("SecurityGroupIds") or ()),
        "volume": {
            "size_gib": ebs.get("VolumeSize"),
            "type": ebs.get("VolumeType"),
            "iops": ebs.get("Iops"),
            "throughput": ebs.get("Throughput"),
            "kms_key": ebs.get("KmsKeyId") if ebs.get("Encrypted") else None,
        },
        "hop_limit": metadata.get("HttpPutResponseHopLimit") if secure else None,
        "instance_tags": tags.get("instance", {}),
    }
