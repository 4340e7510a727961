"""Patches to EC2's launch templates."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidLaunchTemplateIdNotFound
from moto.ec2.models import EC2Backend
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.responses import EC2Response

from local_aws.patches import patch, wrap
from local_aws.patches.ec2_common import by_token, remember

KIND = "launch-template"


@patch
def template_tags() -> None:
    """AWS tags a launch template itself, at any time, and forgets the tags when it is deleted. moto writes its first tags into what
    the template says of instances, never shows later ones, and keeps them for ever."""

    def tags(self: Any) -> list[dict[str, str]]:
        return self.get_tags()

    LaunchTemplate.tags = property(tags, _leave)  # type: ignore[assignment]

    @wrap(LaunchTemplate, "__init__")
    def init(original: Any, self: Any, backend: Any, name: str, data: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        specifications = [item for item in data.get("TagSpecifications") or [] if item["ResourceType"] != KIND]
        kept = {key: value for key, value in data.items() if key != "TagSpecifications" and value is not None}
        original(self, backend, name, kept | ({"TagSpecifications": specifications} if specifications else {}), *args, **kwargs)

    @wrap(EC2Backend, "delete_launch_template")
    def delete(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        template = original(self, *args, **kwargs)
        self.tags.pop(template.id, None)
        return template


def _leave(_self: Any, _value: Any) -> None:
    """moto's own list of tags; those of the backend are shown."""


@patch
def templates_that_do_not_exist() -> None:
    """AWS answers InvalidLaunchTemplateId.NotFound for an id that it does not know. moto leaves it out of what it lists, and
    calls it an unknown name elsewhere."""

    @wrap(EC2Backend, "describe_launch_templates")
    def describe(original: Any, self: Any, template_names: Any = None, template_ids: Any = None, filters: Any = None) -> Any:
        for identifier in template_ids or []:
            self.get_launch_template(identifier)
        return original(self, template_names, template_ids, filters)

    for name in ("modify_launch_template", "delete_launch_template"):
        _must_exist(name)


def _must_exist(name: str) -> None:
    @wrap(EC2Response, name)
    def checked(original: Any, self: Any) -> Any:
        identifier = self._get_param("LaunchTemplateId")
        if identifier and identifier not in self.ec2_backend.launch_templates:
            raise InvalidLaunchTemplateIdNotFound(identifier)
        return original(self)


@patch
def template_creation() -> None:
    """AWS makes one template for a ClientToken, and lets a version begin with what another says (SourceVersion). moto knows
    neither."""

    @wrap(EC2Response, "create_launch_template")
    def create(original: Any, self: Any) -> Any:
        token = self._get_param("ClientToken")
        made = by_token(self.ec2_backend, KIND, token)
        if made and made in self.ec2_backend.launch_templates:
            return _shown(self, made)
        answer = original(self)
        remember(self.ec2_backend, KIND, token, answer.result["LaunchTemplate"]["LaunchTemplateId"])
        return answer

    @wrap(EC2Response, "create_launch_template_version")
    def create_version(original: Any, self: Any) -> Any:
        token, source = self._get_param("ClientToken"), self._get_param("SourceVersion")
        made = by_token(self.ec2_backend, f"{KIND}-version", token)
        if made:
            return made
        answer = original(self)
        version = answer.result["LaunchTemplateVersion"]
        if source:
            template = self.ec2_backend.get_launch_template(version["LaunchTemplateId"])
            template.versions[-1].data = {**template.get_version(source).data, **version["LaunchTemplateData"]}
            version["LaunchTemplateData"] = template.versions[-1].data
        return remember(self.ec2_backend, f"{KIND}-version", token, answer)


def _shown(response: Any, identifier: str) -> ActionResult:
    template = response.ec2_backend.launch_templates[identifier]
    shown = {
        "CreateTime": template.create_time,
        "CreatedBy": f"arn:{response.partition}:iam::{response.current_account}:root",
        "DefaultVersionNumber": template.default_version_number,
        "LatestVersionNumber": template.latest_version_number,
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "Tags": template.tags,
    }
    return ActionResult({"LaunchTemplate": shown})
