"""Where S3 is: all that a job is told of storage; credentials come from the environment only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc

from infra.storage.endpoint import parts_of_endpoint


@dataclass(frozen=True)
class StorageOptions:
    """Where S3 is, if it is not where the AWS variables say."""

    endpoint: Annotated[
        str | None,
        Doc("S3 server for s3:// URLs. Credentials come from the usual AWS variables and files."),
    ] = None
    region: Annotated[str | None, Doc("S3 region.")] = None

    def __post_init__(self) -> None:
        """StorageError if the endpoint is no URL, or carries credentials: records and lists of jobs hold it."""
        if self.endpoint is not None:
            parts_of_endpoint(self.endpoint)
