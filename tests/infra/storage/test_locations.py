"""What a person typed for a path or URL is taken as it was meant, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.errors import StorageError
from infra.storage.files import Storage
from infra.storage.locations import expand_home, refuse_broken_url


@pytest.mark.parametrize(
    ("location", "meant"),
    [
        ("s3:/bucket/x", "s3://bucket/x"),
        ("S3:/bucket/x", "s3://bucket/x"),
        ("s3:bucket/x", "s3://bucket/x"),
        ("gs:/bucket/x:2", "gs://bucket/x:2"),
        ("http:/host/x", "http://host/x"),
        ("run:/training", "run://training"),
        ("lakefs:/repository", "lakefs://repository"),
        ("/home/kim/s3:/bucket/x", "s3://bucket/x"),
        ("runs/https:/host/x", "https://host/x"),
    ],
)
def test_a_url_that_lost_a_slash_is_refused_with_the_right_one(
    location: str, meant: str, tmp_path: Path
) -> None:
    with pytest.raises(StorageError) as caught:
        refuse_broken_url(location)
    assert f"write {meant}" in str(caught.value)
    with pytest.raises(StorageError):
        Storage().write_bytes(location, b"x")


def test_a_folder_of_another_name_with_a_colon_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match=r"\./lakefs:/x"):
        refuse_broken_url("lakefs:/x")
    Storage().write_bytes("./lakefs:/x", b"x")
    assert (tmp_path / "lakefs:" / "x").read_bytes() == b"x"


@pytest.mark.parametrize("location", ["s3://", "s3:///bucket/x", "gs:///x", "https:///x"])
def test_a_url_without_bucket_or_host_is_refused(location: str) -> None:
    with pytest.raises(StorageError, match="names nothing after its slashes"):
        refuse_broken_url(location)


@pytest.mark.parametrize("location", ["file://tmp/x", "file://x", "FILE://./x", "file://localhost/x"])
def test_a_file_url_of_two_slashes_is_refused_with_both_things_that_it_may_mean(location: str) -> None:
    path = location[len("file://") :]
    with pytest.raises(StorageError) as caught:
        refuse_broken_url(location)
    assert f"write file:///{path} for the path /{path}, or {path} alone" in str(caught.value)


@pytest.mark.parametrize(
    "location",
    [
        "s3://b/x",
        "s3://b/http:/x",
        "x",
        "/x",
        "data:2",
        "r2:0.5",
        "C:/x",
        "a/b:3",
        "file:///x",
        "s3://a:2",
        "x:y/z",
    ],
)
def test_what_is_a_path_or_url_passes(location: str) -> None:
    assert refusal(location) == ""


def refusal(location: str) -> str:
    """What a person is told of a location; empty if it passes."""
    try:
        refuse_broken_url(location)
    except StorageError as error:
        return str(error)
    return ""


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/kim")
    assert expand_home("~/x") == "/home/kim/x"
    assert expand_home("~") == "/home/kim"
    assert expand_home("file://~/x") == "file:///home/kim/x"
    for unchanged in ("x", "/x/~", "./~", "s3://bucket/~/x"):
        assert expand_home(unchanged) == unchanged


def test_the_home_of_a_user_that_nobody_knows_is_no_folder() -> None:
    with pytest.raises(StorageError, match="'~nobody-of-that-name' stands for no home folder"):
        expand_home("~nobody-of-that-name/x")
