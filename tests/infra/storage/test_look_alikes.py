"""Stores that are not Amazon's: they are read and written as they want it, or the line says what they want."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.errors import StorageError, UnusableStorageError
from infra.storage.files import Storage, join
from infra.storage.options import StorageOptions
from tests.look_alike_s3 import REGION, look_alike_s3


def test_a_store_that_refuses_checksum_headers_takes_every_kind_of_write(
    s3_bucket: str, s3_endpoint: str, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * 60 * 2**20)  # in several parts
    with look_alike_s3(s3_endpoint, "refuses_checksums") as endpoint:
        storage = Storage(StorageOptions(endpoint))
        storage.write_bytes(join(s3_bucket, "a"), b"a")
        assert storage.create_bytes(join(s3_bucket, "b"), b"b")
        assert not storage.create_bytes(join(s3_bucket, "b"), b"c")
        storage.write_file(join(s3_bucket, "large"), large)
        assert storage.read_bytes(join(s3_bucket, "b")) == b"b"
        assert storage.size(join(s3_bucket, "large")) == large.stat().st_size
        storage.delete(join(s3_bucket, "a"))


@pytest.mark.parametrize("by_variable", [True, False])
def test_who_wants_checksums_gets_them_and_is_told_what_refuses_them(
    s3_bucket: str, s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_variable: bool
) -> None:
    if by_variable:
        monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported")
    else:
        (tmp_path / "config").write_text("[default]\nrequest_checksum_calculation = when_supported\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with look_alike_s3(s3_endpoint, "refuses_checksums") as endpoint:
        storage = Storage(StorageOptions(endpoint))
        for write in (storage.write_bytes, storage.create_bytes):
            with pytest.raises(StorageError, match="AWS_REQUEST_CHECKSUM_CALCULATION=when_required"):
                write(join(s3_bucket, "a"), b"a")


@pytest.mark.parametrize("manner", ["insists_on_its_region", "redirects"])
def test_a_store_that_insists_on_its_region_is_asked_for_it_by_name(
    s3_bucket: str, s3_endpoint: str, manner: str
) -> None:
    Storage().write_bytes(join(s3_bucket, "a"), b"a")
    with look_alike_s3(s3_endpoint, manner) as endpoint:  # type: ignore[arg-type]
        elsewhere = Storage(StorageOptions(endpoint))
        for act in (
            lambda: elsewhere.exists(join(s3_bucket, "a")),
            lambda: elsewhere.is_dir(s3_bucket),
            lambda: elsewhere.read_bytes(join(s3_bucket, "a")),
            lambda: elsewhere.write_bytes(join(s3_bucket, "b"), b"b"),
            lambda: elsewhere.create_bytes(join(s3_bucket, "b"), b"b"),
            lambda: elsewhere.list(s3_bucket),
        ):
            with pytest.raises(UnusableStorageError) as caught:
                act()
            message = str(caught.value)
            assert "another region" in message
            assert "--storage-region" in message
            assert "endpoint" in message
            assert "token" not in message
            assert (REGION in message) == (manner == "insists_on_its_region")
        assert Storage(StorageOptions(endpoint, REGION)).read_bytes(join(s3_bucket, "a")) == b"a"


def test_a_console_is_no_store_whatever_is_asked_of_it(s3_bucket: str, s3_endpoint: str) -> None:
    with look_alike_s3(s3_endpoint, "is_a_console") as endpoint:
        for act in (
            lambda: Storage(StorageOptions(endpoint)).exists(join(s3_bucket, "run.json")),
            lambda: Storage(StorageOptions(endpoint)).create_bytes(join(s3_bucket, "a"), b"a"),
            lambda: Storage(StorageOptions(endpoint)).list(s3_bucket),
        ):
            with pytest.raises(StorageError, match=rf"answers at {endpoint} is no S3 server.*console"):
                act()


def test_a_store_that_may_only_be_read_is_read_and_a_write_is_denied_in_words(
    s3_bucket: str, s3_endpoint: str
) -> None:
    Storage().write_bytes(join(s3_bucket, "a"), b"a")
    with look_alike_s3(s3_endpoint, "is_read_only") as endpoint:
        storage = Storage(StorageOptions(endpoint))
        assert storage.read_bytes(join(s3_bucket, "a")) == b"a"
        with pytest.raises(
            StorageError, match="access is denied; check the credentials and the bucket's policy"
        ):
            storage.write_bytes(join(s3_bucket, "b"), b"b")
