"""What is brought to a GPU machine: all that it lacks, and nothing of what it has. Runs anywhere."""

from __future__ import annotations

from pathlib import Path

from tests.gpu.wheels import joined, missing, split


def test_what_is_missing_is_there_with_what_it_needs_and_the_machines_own_stays() -> None:
    names = missing()
    assert {"ray", "s3fs", "botocore", "aiohttp", "pydantic", "pydantic-core", "hypothesis"} <= names.keys()
    own = {"torch", "torchvision", "numpy", "pyarrow", "timm", "scipy", "triton"}
    assert not own & names.keys()
    assert not any(name.startswith("nvidia") for name in names)


def test_large_files_travel_in_parts_and_come_back_whole(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10
    large, small = tmp_path / "large.whl", tmp_path / "small.whl"
    large.write_bytes(content)
    small.write_bytes(b"small")
    split(large, largest=1000)
    split(small, largest=1000)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "large.whl.part-00",
        "large.whl.part-01",
        "large.whl.part-02",
        "small.whl",
    ]
    into = tmp_path / "into"
    into.mkdir()
    wheels = joined(tmp_path, into)
    assert {wheel.name for wheel in wheels} == {"large.whl", "small.whl"}
    assert (into / "large.whl").read_bytes() == content
