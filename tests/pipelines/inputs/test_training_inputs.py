"""Data sets as a person names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.specs.train import Validating
from infra.shards.manifest import MANIFEST_NAME
from infra.storage.files import Storage
from pipelines.errors import OptionError
from pipelines.inputs.dataset_mix import MixedDataset, parse_mix
from pipelines.inputs.training_inputs import find_training_inputs
from tests.specs import changed, train_spec
from tests.training_jobs import write_bright_objects


@pytest.mark.parametrize(
    ("text", "url", "share"),
    [
        ("s3://a:2", "s3://a", 2.0),
        ("s3://a/b:0.5", "s3://a/b", 0.5),
        ("s3://a", "s3://a", None),
        ("data", "data", None),
        ("data:3", "data", 3.0),
        ("/data/voc", "/data/voc", None),
        ("file:///data/voc:1", "file:///data/voc", 1.0),
        ("http://host:9000", "http://host:9000", None),
        ("http://host:9000/a", "http://host:9000/a", None),
        ("http://host:9000/a:4", "http://host:9000/a", 4.0),
        ("s3://a/b:c", "s3://a/b:c", None),
        ("C:/data", "C:/data", None),
        ("s3://a:", "s3://a:", None),
    ],
)
def test_a_share_is_told_from_a_port_and_from_the_colons_of_a_name(
    text: str, url: str, share: float | None
) -> None:
    assert parse_mix(text) == MixedDataset(url, share)


@pytest.mark.parametrize("share", ["0", "9" * 400])
def test_a_share_of_nothing_or_without_end_is_refused(share: str) -> None:
    with pytest.raises(OptionError, match="must be above 0 and finite"):
        parse_mix(f"s3://a:{share}")


def test_validation_on_a_shard_that_is_trained_on_is_refused(tmp_path: Path) -> None:
    trained_on = write_bright_objects(str(tmp_path / "trained-on"))
    overlapping = write_bright_objects(str(tmp_path / "overlapping"), number=5)
    held_out = write_bright_objects(str(tmp_path / "held-out"), first=50, number=5)
    asked = train_spec((trained_on,), "run", validation=Validating(overlapping))
    with pytest.raises(OptionError, match=r"DATASET #1 .* holds shard .* also in --validate"):
        find_training_inputs(asked, Storage())
    inputs = find_training_inputs(changed(asked, validation=Validating(held_out)), Storage())
    assert inputs.validation is not None


def test_data_sets_without_shares_are_one_pool_and_with_shares_one_each(tmp_path: Path) -> None:
    first = write_bright_objects(str(tmp_path / "first"))
    second = write_bright_objects(str(tmp_path / "second"), first=50, number=4)
    together = find_training_inputs(train_spec((first, second), "run"), Storage())
    assert [pool.shard_sizes for pool in together.pools] == [[5, 5, 3, 4]]
    mixed = find_training_inputs(train_spec((f"{first}:2", second), "run"), Storage())
    assert [(pool.shard_sizes, pool.share) for pool in mixed.pools] == [([5, 5, 3], 2.0), ([4], 1.0)]


def test_shards_that_no_one_has_counted_are_counted(tmp_path: Path) -> None:
    url = write_bright_objects(str(tmp_path / "data"))
    (tmp_path / "data" / MANIFEST_NAME).unlink()
    inputs = find_training_inputs(train_spec((url,), "run"), Storage())
    assert inputs.pools[0].shard_sizes == [5, 5, 3]
