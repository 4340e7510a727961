"""Patches to CloudFront's distributions."""

from __future__ import annotations

from typing import Any

from moto.cloudfront.models import CloudFrontBackend
from moto.cloudfront.responses import CloudFrontResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random

from local_aws.patches import patch, replace, wrap
from local_aws.patches.cloudfront_config import check_references, completed, error
from local_aws.patches.cloudfront_policies import check_match, new_id
from local_aws.transitions import now, settled

KIND = "distribution"


class Distribution:
    """A distribution: its configuration is kept as it was given, completed as AWS completes it."""

    def __init__(self, account: str, config: dict[str, Any]) -> None:
        self.id = self.distribution_id = new_id()
        self.arn = f"arn:aws:cloudfront::{account}:distribution/{self.id}"
        self.domain_name = f"d{mock_random.get_random_hex(13)}.cloudfront.net"
        self.location = f"https://cloudfront.amazonaws.com/2020-05-31/distribution/{self.id}"
        self.configure(config)

    def configure(self, config: dict[str, Any]) -> None:
        """Take a configuration; it is on its way to the edges from now on."""
        self.config, self.etag = config, new_id()
        self.changed_at, self.last_modified_time = now(), utcnow()

    @property
    def status(self) -> str:
        """InProgress until the last change has reached the edges."""
        return "Deployed" if settled(KIND, self.changed_at) else "InProgress"

    def common(self) -> dict[str, Any]:
        """What both the whole and the summary of it say."""
        return {
            "Id": self.id,
            "ARN": self.arn,
            "Status": self.status,
            "LastModifiedTime": self.last_modified_time,
            "DomainName": self.domain_name,
        }

    def view(self) -> dict[str, Any]:
        """As GetDistribution shows it."""
        return {
            **self.common(),
            "InProgressInvalidationBatches": 0,
            "ActiveTrustedSigners": {"Enabled": False, "Quantity": 0},
            "ActiveTrustedKeyGroups": {"Enabled": False, "Quantity": 0},
            "DistributionConfig": self.config,
        }

    def summary(self) -> dict[str, Any]:
        """As ListDistributions shows it."""
        return {**self.config, **self.common(), "ETag": self.etag}

    def answer(self) -> ActionResult:
        """What calls about it answer."""
        return ActionResult({"Distribution": self.view(), "ETag": self.etag, "Location": self.location})


@patch
def distributions() -> None:
    """AWS keeps a distribution's configuration whole, completes it, and refuses references to what is not there (InvalidWebACLId,
    InvalidViewerCertificate for one that is not issued or not in us-east-1, NoSuch...Policy, CNAMEAlreadyExists), a caller
    reference twice (DistributionAlreadyExists), and an update that leaves out required members or changes the reference.
    moto keeps some members and checks none."""

    def create(self: Any, given: dict[str, Any], tags: list[dict[str, str]]) -> ActionResult:
        config = completed(given)
        for other in self.backend.distributions.values():
            if other.config["CallerReference"] == config["CallerReference"]:
                message = (
                    "The caller reference that you are using to create a distribution is associated with another distribution."
                )
                raise error("DistributionAlreadyExists", f"{message} Already exists: {other.id}")
        check_references(self.backend, config, None)
        made = Distribution(self.current_account, config)
        self.backend.distributions[made.id] = made
        self.backend.tagger.tag_resource(made.arn, tags)
        return made.answer()

    @replace(CloudFrontResponse, "create_distribution")
    def create_distribution(self: Any) -> ActionResult:
        return create(self, self._get_param("DistributionConfig", {}), [])

    @replace(CloudFrontResponse, "create_distribution_with_tags")
    def create_distribution_with_tags(self: Any) -> ActionResult:
        tags = self._get_param("DistributionConfigWithTags.Tags.Items", []) or []
        return create(self, self._get_param("DistributionConfigWithTags.DistributionConfig", {}), tags)

    @replace(CloudFrontResponse, "get_distribution")
    def get_distribution(self: Any) -> ActionResult:
        return _find(self).answer()

    @replace(CloudFrontResponse, "get_distribution_config")
    def get_distribution_config(self: Any) -> ActionResult:
        found = _find(self)
        return ActionResult({"DistributionConfig": found.config, "ETag": found.etag})

    @replace(CloudFrontResponse, "update_distribution")
    def update_distribution(self: Any) -> ActionResult:
        found = _find(self)
        check_match(found.etag, self._get_param("IfMatch"))
        config = completed(self._get_param("DistributionConfig", {}), update=True)
        if config["CallerReference"] != found.config["CallerReference"]:
            raise error("IllegalUpdate", "The update contains modifications that are not allowed: CallerReference.")
        check_references(self.backend, config, found.id)
        found.configure(config)
        return found.answer()

    @replace(CloudFrontResponse, "list_distributions")
    def list_distributions(self: Any) -> ActionResult:
        every = list(self.backend.distributions.values())
        start, limit = int(self._get_param("Marker") or 0), int(self._get_param("MaxItems") or 100)
        page, more = every[start : start + limit], start + limit < len(every)
        answer = {"Marker": self._get_param("Marker") or "", "MaxItems": limit, "IsTruncated": more, "Quantity": len(page)}
        if page:
            answer["Items"] = [item.summary() for item in page]
        if more:
            answer["NextMarker"] = str(start + limit)
        return ActionResult({"DistributionList": answer})

    @wrap(CloudFrontBackend, "create_invalidation")
    def create_invalidation(original: Any, self: Any, dist_id: str, *args: Any) -> Any:
        _get(self, dist_id)
        return original(self, dist_id, *args)

    @replace(CloudFrontBackend, "get_distribution")
    def backend_get_distribution(self: Any, distribution_id: str) -> tuple[Distribution, str]:
        found = _get(self, distribution_id)
        return found, found.etag


@patch
def distributions_are_disabled_before_they_go() -> None:
    """AWS deletes a distribution that is disabled and Deployed (DistributionNotDisabled otherwise), of which the ETag is the
    current one (PreconditionFailed), and its tags with it. moto deletes any, and keeps its tags."""

    @replace(CloudFrontResponse, "delete_distribution")
    def delete_distribution(self: Any) -> ActionResult:
        found = _find(self)
        check_match(found.etag, self._get_param("IfMatch"))
        if found.config["Enabled"] or found.status != "Deployed":
            raise error("DistributionNotDisabled", "The distribution you are trying to delete has not been disabled.")
        del self.backend.distributions[found.id]
        self.backend.tagger.delete_all_tags_for_resource(found.arn)
        return EmptyResult()


@patch
def tags_need_a_resource() -> None:
    """AWS answers NoSuchResource to a call about the tags of what is not there. moto keeps tags of anything."""
    for operation in ("list_tags_for_resource", "tag_resource", "untag_resource"):

        @wrap(CloudFrontResponse, operation)
        def checked(original: Any, self: Any) -> ActionResult:
            arn = self._get_param("Resource")
            if ":distribution/" in arn and arn not in {item.arn for item in self.backend.distributions.values()}:
                raise error("NoSuchResource", f"The specified resource does not exist: {arn}")
            return original(self)


def _find(response: Any) -> Distribution:
    return _get(response.backend, response._get_param("Id"))


def _get(backend: Any, identifier: str) -> Distribution:
    found = backend.distributions.get(identifier)
    if found is None:
        raise error("NoSuchDistribution", "The specified distribution does not exist.")
    return found
