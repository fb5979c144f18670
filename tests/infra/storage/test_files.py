from __future__ import annotations

import pickle
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.errors import StorageError
from infra.storage.files import (
    Storage,
    basename,
    join,
    relative_to,
)
from infra.storage.options import StorageOptions
from tests.conftest import free_port


@pytest.fixture
def storage() -> Storage:
    return Storage()


def test_bytes_come_back_as_they_were_written(folder_url: str, storage: Storage) -> None:
    url = join(folder_url, "a/b c/ü.bin")
    storage.write_bytes(url, b"first")
    storage.write_bytes(url, b"second")
    assert storage.read_bytes(url) == b"second"
    assert storage.size(url) == 6
    assert storage.exists(url)


def test_a_stream_reads_and_seeks(folder_url: str, storage: Storage) -> None:
    data = bytes(range(256)) * 4096
    storage.write_bytes(join(folder_url, "x"), data)
    with storage.open_read(join(folder_url, "x")) as stream:
        assert stream.read(1000) == data[:1000]
        stream.seek(500_000)
        assert stream.read(3) == data[500_000:500_003]
        assert stream.seek(0, 2) == len(data)
        assert stream.read() == b""


def test_a_local_file_is_stored_whole(folder_url: str, storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"x" * 20_000_000)
    storage.write_file(join(folder_url, "copy"), source)
    assert storage.read_bytes(join(folder_url, "copy")) == source.read_bytes()


def test_only_the_first_create_wins(folder_url: str, storage: Storage) -> None:
    url = join(folder_url, "commit.json")
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda idx: storage.create_bytes(url, b"%d" % idx), range(8)))
    assert sum(outcomes) == 1
    assert storage.read_bytes(url) == b"%d" % outcomes.index(True)
    assert storage.create_bytes(url, b"late") is False


def test_listing_sees_what_another_client_writes_and_deletes(folder_url: str, storage: Storage) -> None:
    other = Storage()
    assert storage.list(folder_url) == []
    for name in ("b.txt", "a.txt", "deep/er/c.txt"):
        other.write_bytes(join(folder_url, name), b"1")
    assert storage.list(folder_url) == [join(folder_url, "a.txt"), join(folder_url, "b.txt")]
    found = [relative_to(url, folder_url) for url in storage.walk(folder_url)]
    assert found == ["a.txt", "b.txt", "deep/er/c.txt"]
    other.delete(join(folder_url, "a.txt"))
    assert storage.list(folder_url) == [join(folder_url, "b.txt")]
    assert not storage.exists(join(folder_url, "a.txt"))


def test_the_version_of_a_file_changes_with_its_content(folder_url: str, storage: Storage) -> None:
    url = join(folder_url, "x")
    storage.write_bytes(url, b"one")
    before = storage.walk_info(folder_url)
    assert [storage.info(url)] == list(before)
    storage.write_bytes(url, b"two")
    after = storage.walk_info(folder_url)
    assert before[0].size == after[0].size
    assert before[0].version != after[0].version


def test_files_and_folders_are_told_apart(folder_url: str, storage: Storage) -> None:
    storage.write_bytes(join(folder_url, "d/x"), b"1")
    assert storage.is_dir(join(folder_url, "d"))
    assert storage.is_dir(join(folder_url, "d/"))
    assert not storage.exists(join(folder_url, "d"))
    assert not storage.is_dir(join(folder_url, "d/x"))
    assert not storage.is_dir(join(folder_url, "e"))


def test_deleting_what_is_not_there_is_no_error(folder_url: str, storage: Storage) -> None:
    storage.write_bytes(join(folder_url, "kept"), b"1")
    for _ in range(2):
        storage.delete(join(folder_url, "gone"))
        storage.write_bytes(join(folder_url, "gone"), b"1")
        storage.delete(join(folder_url, "gone"))
    assert storage.list(folder_url) == [join(folder_url, "kept")]


def test_a_missing_file_is_one_line(folder_url: str, storage: Storage) -> None:
    for read in (storage.read_bytes, storage.open_read, storage.size):
        with pytest.raises(StorageError, match=r"^cannot read .*never: there is no such file$"):
            read(join(folder_url, "never"))


@pytest.mark.parametrize("action", ["read", "write", "create", "list", "walk", "exists"])
def test_a_missing_bucket_is_one_line_within_seconds(s3_endpoint: str, storage: Storage, action: str) -> None:
    url = "s3://no-such-bucket/folder/x"
    started = time.monotonic()
    with pytest.raises(StorageError, match="no such bucket") as caught:
        match action:
            case "read":
                storage.read_bytes(url)
            case "write":
                storage.write_bytes(url, b"1")
            case "create":
                storage.create_bytes(url, b"1")
            case "list":
                storage.list("s3://no-such-bucket/folder")
            case "walk":
                list(storage.walk("s3://no-such-bucket/folder"))
            case _:
                storage.exists(url)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 15, "the clients' eight tries would take longer on average than this"


def test_a_dead_endpoint_is_one_line_within_seconds(s3_endpoint: str) -> None:
    storage = Storage(StorageOptions(endpoint=f"http://127.0.0.1:{free_port()}"))
    started = time.monotonic()
    with pytest.raises(StorageError, match="no S3 server answers at http://127") as caught:
        storage.read_bytes("s3://bucket/x")
    with pytest.raises(StorageError, match="no S3 server answers"):
        storage.create_bytes("s3://bucket/x", b"1")
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 5


def test_a_server_that_restarts_is_waited_for_where_it_has_answered_before(
    tmp_path: Path, s3_endpoint: str
) -> None:
    port = free_port()
    storage = Storage(StorageOptions(endpoint=f"http://127.0.0.1:{port}"), endpoint_is_known=True)
    with ThreadPoolExecutor(2) as callers, (tmp_path / "log").open("wb") as log:
        created = callers.submit(storage.create_bytes, "s3://bucket/x", b"1")
        listed = callers.submit(storage.list, "s3://bucket/folder")
        time.sleep(1)
        assert not created.done()
        assert not listed.done()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            for answer in (created, listed):
                with pytest.raises(StorageError, match="no such bucket"):  # so the server says
                    answer.result(timeout=90)
        finally:
            server.kill()
            server.wait()


@pytest.mark.parametrize(
    "endpoint",
    [
        "localhost:9000",
        "ftp://host",
        "http://localhost:90000",
        "http://localhost:abc",
        "http://[::1",
        "http://",
    ],
)
def test_an_endpoint_that_is_no_url_is_refused(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    with pytest.raises(StorageError, match="is no URL: give it as http://HOST:PORT"):
        StorageOptions(endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(StorageError, match="is no URL: give it as http://HOST:PORT"):
        Storage().read_bytes("s3://bucket/x")


def test_a_link_to_itself_is_listed_like_a_link_to_nothing(tmp_path: Path, storage: Storage) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "round").symlink_to("and_round")
    (tmp_path / "and_round").symlink_to("round")
    (tmp_path / "through").symlink_to("itself/x")
    names = ["a.txt", "and_round", "itself", "round", "through"]
    assert [basename(url) for url in storage.walk(str(tmp_path))] == names
    assert [basename(url) for url in storage.list(str(tmp_path))] == names
    with pytest.raises(StorageError, match="itself"):
        storage.read_bytes(str(tmp_path / "itself"))
    assert not storage.exists(str(tmp_path / "itself"))


def test_missing_credentials_are_named(
    s3_bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for attempt in (Storage().read_bytes, lambda url: Storage().create_bytes(url, b"1")):
        with pytest.raises(StorageError, match="set AWS_ACCESS_KEY_ID"):
            attempt(f"{s3_bucket}/x")


def test_the_endpoint_option_wins_over_the_environment(
    s3_endpoint: str, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    storage = Storage(StorageOptions(endpoint=s3_endpoint, region="us-east-1"))
    assert storage.create_bytes(f"{s3_bucket}/x", b"1")
    assert storage.read_bytes(f"{s3_bucket}/x") == b"1"


def test_an_unknown_protocol_is_one_line(storage: Storage) -> None:
    with pytest.raises(StorageError, match="fsspec cannot open"):
        storage.read_bytes("nonsense://x/y")


def test_any_fsspec_url_works(storage: Storage) -> None:
    url = "memory://test_any_fsspec_url_works/a/b"
    storage.write_bytes(url, b"1")
    assert storage.read_bytes(url) == b"1"
    assert list(storage.walk("memory://test_any_fsspec_url_works")) == [url]
    assert storage.list("memory://test_any_fsspec_url_works/a") == [url]
    assert storage.create_bytes(url, b"2") is False
    assert storage.create_bytes(url + "c", b"2") is True


def test_a_pickle_carries_the_options_alone(s3_bucket: str, s3_endpoint: str) -> None:
    storage = Storage(StorageOptions(endpoint=s3_endpoint))
    storage.create_bytes(f"{s3_bucket}/x", b"1")
    storage.read_bytes(f"{s3_bucket}/x")
    pickled = pickle.dumps(storage)
    assert len(pickled) < 300
    assert pickle.loads(pickled).read_bytes(f"{s3_bucket}/x") == b"1"


def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "file"
    storage.write_bytes(str(target), b"old")

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    for write in (storage.write_bytes, storage.create_bytes):
        with pytest.raises(StorageError, match="the disk is full; make room"):
            write(str(target), b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_file_urls_and_plain_paths_are_the_same(tmp_path: Path, storage: Storage) -> None:
    storage.write_bytes(f"file://{tmp_path}/x", b"1")
    assert storage.read_bytes(str(tmp_path / "x")) == b"1"
    assert storage.list(f"file://{tmp_path}") == [f"file://{tmp_path}/x"]


def test_joining_keeps_single_slashes() -> None:
    assert join("s3://b/", "/a/", "c") == "s3://b/a/c"
    assert join("/", "tmp") == "/tmp"
    assert join("relative", "x") == "relative/x"
    assert basename("s3://b/a/c.tar") == "c.tar"
    assert relative_to("s3://b/a/c/d", "s3://b/a/") == "c/d"


def test_what_a_kind_of_url_cannot_do_is_one_line(storage: Storage) -> None:
    with pytest.raises(StorageError, match=r"^cannot delete http://host/x: fsspec has no way to do that"):
        storage.delete("http://host/x")


def test_a_file_in_the_place_of_a_folder_is_named_as_that(tmp_path: Path, storage: Storage) -> None:
    (tmp_path / "file").touch()
    for below in ("file/x", "file/folder/x"):
        with pytest.raises(
            StorageError, match=f"^cannot write .*{below}: a file is where a folder has to be$"
        ):
            storage.write_bytes(join(str(tmp_path), below), b"1")
