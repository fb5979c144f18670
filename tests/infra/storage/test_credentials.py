"""What records and logs may hold is free of credentials."""

from __future__ import annotations

import pytest

from infra.errors import StorageError
from infra.storage.credentials import carries_credentials
from infra.storage.files import Storage
from infra.storage.options import StorageOptions

ENDPOINTS = [
    "http://kim:CANARY@host:9000",
    "https://CANARY@host",
    "kim:CANARY@host:9000",
    "http://kim:CAN/ARY?CANARY@host:abc",
    "http://host:9000/?X-Amz-Signature=CANARY",
]


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:CANARY@bucket/x",
        "s3://key:half/CANARY@bucket/x",
        "ftp://someone:CANARY@host/x",
        "https://CANARY@host/x",
        "https://host/x?a=b&X-Amz-Signature=CANARY",
        "https://host/x?token=CANARY",
    ],
)
def test_a_password_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    storage = Storage()
    for action in (storage.read_bytes, storage.exists, storage.list):
        with pytest.raises(StorageError, match="carries") as caught:
            action(url)
        assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/a:b/c@d.tar",
        "http://host:8080/a@b.tar",
        "sftp://someone@host/x",
        "https://host/x?download=true",
    ],
)
def test_a_url_without_credentials_is_none_with_them(url: str) -> None:
    assert not carries_credentials(url)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_no_storage_options_hold_credentials(endpoint: str) -> None:
    with pytest.raises(
        StorageError, match=r"^the S3 endpoint carries credentials.*: give http://HOST:PORT"
    ) as caught:
        StorageOptions(endpoint)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_endpoint_of_the_environment_with_credentials_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, variable: str
) -> None:
    monkeypatch.setenv(variable, endpoint)
    with pytest.raises(StorageError, match="carries credentials") as caught:
        Storage().read_bytes("s3://bucket/x")
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9000", "https://s3.eu-west-1.amazonaws.com"])
def test_an_endpoint_without_credentials_is_taken(endpoint: str) -> None:
    assert StorageOptions(endpoint).endpoint == endpoint
