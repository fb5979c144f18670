"""What a labelling run refuses before anything of it is written: sizes and settings that its model cannot take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from actors.specs.label import LabelSpec
from infra.errors import Reason
from infra.shards.sample import QuarantinedSample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from mfp.errors import ModelError, WeightsError
from mfp.model_file import model_to_bytes
from mfp.models.registry import NetworkConfig
from mfp.models.vit import ViTConfig
from mfp.network import BASELINE_CLICKS
from pipelines.errors import OptionError
from pipelines.inputs.label_inputs import check_model, find_inputs
from tests.actors.shapes import shape_sample, write_shapes
from tests.mfp.network_factories import SMALL_CONFIGS, create_network
from tests.specs import changed, label_spec

STORAGE = Storage()
# Eight blocks, some of which attend inside windows of 224 pixels.
WINDOWED = ViTConfig(width=16, depth=8, num_heads=2, pyramid_widths=(4, 4, 8, 8), head_width=8)


@pytest.fixture(scope="module")
def dataset_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_shapes(str(tmp_path_factory.mktemp("shapes")), STORAGE, num_samples=1).url


def options(dataset_url: str, folder: Path, config: NetworkConfig) -> LabelSpec:
    model = folder / "model.safetensors"
    model.write_bytes(model_to_bytes(config, create_network(config).state_dict(), {}))
    return label_spec(dataset_url, str(folder / "run"), str(model)).resolved()


def find_and_check(asked: LabelSpec) -> None:
    check_model(asked, find_inputs(asked, STORAGE).model)


@pytest.mark.parametrize(("zoom_size", "nearest"), [(450, "448 or 672"), (100, "224")])
def test_a_zoom_size_that_a_vit_cannot_take_is_refused_with_the_nearest_that_work(
    tmp_path: Path, dataset_url: str, zoom_size: int, nearest: str
) -> None:
    asked = options(dataset_url, tmp_path, WINDOWED)
    with pytest.raises(OptionError, match=rf"--zoom-size {zoom_size}: .*nearest to {zoom_size}: {nearest}$"):
        find_and_check(changed(asked, zoom_size=zoom_size))
    find_and_check(changed(asked, zoom_size=672))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["lite0", "hrnet18", "resnet34"])
def test_convolutional_networks_take_any_zoom_size(tmp_path: Path, dataset_url: str, name: str) -> None:
    asked = options(dataset_url, tmp_path, SMALL_CONFIGS[name])
    for zoom_size in (32, 333):
        find_and_check(changed(asked, zoom_size=zoom_size))


def test_a_variant_of_modulation_is_refused_for_a_model_that_is_shown_none(
    tmp_path: Path, dataset_url: str
) -> None:
    asked = options(dataset_url, tmp_path, replace(SMALL_CONFIGS["vit"], clicks=BASELINE_CLICKS))
    with pytest.raises(
        ModelError, match=r"--modulation paper: .*takes no modulated map; leave the option out"
    ):
        find_and_check(changed(asked, modulation="paper"))


def test_a_run_in_other_data_is_refused(tmp_path: Path, dataset_url: str) -> None:
    other = write_shapes(str(tmp_path / "other"), STORAGE, num_samples=1).url
    with pytest.raises(OptionError, match=f"--out {other} is a data set: give the run a folder of its own"):
        find_inputs(label_spec(dataset_url, other, "analytic"), STORAGE)


def test_a_data_set_whose_masks_were_all_quarantined_names_the_reasons_and_keys(tmp_path: Path) -> None:
    def items() -> Iterator[ShardItem]:
        for number in range(5):
            yield QuarantinedSample(f"photo-{number}", Reason.MISSING_MASK, "no mask of this stem")
        yield QuarantinedSample("flat", Reason.EMPTY_OBJECT, "no pixel", "1")
        yield replace(shape_sample(0, with_truth=False), key="flat")

    url = write_dataset(items(), str(tmp_path / "data"), STORAGE, 2).url
    with pytest.raises(OptionError) as caught:
        find_inputs(label_spec(url, str(tmp_path / "run"), "analytic"), STORAGE)
    assert "missing_mask 5 ('photo-0', 'photo-1', 'photo-2', ...), empty_object 1 ('flat')" in str(
        caught.value
    )


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".pth.tar", ".PTH"])
def test_a_checkpoint_is_named_with_the_command_that_converts_it(
    tmp_path: Path, dataset_url: str, suffix: str
) -> None:
    checkpoint = tmp_path / f"mfp_vit_b{suffix}"
    checkpoint.write_bytes(b"PK")
    asked = label_spec(dataset_url, str(tmp_path / "run"), str(checkpoint))
    with pytest.raises(WeightsError, match=rf"`mfp convert {checkpoint} mfp_vit_b\.safetensors`"):
        find_inputs(asked, STORAGE)


def test_safetensors_of_another_program_are_named_with_the_command_that_converts_them(
    tmp_path: Path, dataset_url: str
) -> None:
    foreign = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(2)}, foreign)
    with pytest.raises(WeightsError, match="`mfp convert` makes one of released weights"):
        find_inputs(label_spec(dataset_url, str(tmp_path / "run"), str(foreign)), STORAGE)


def test_a_run_in_its_own_data_is_refused(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    write_shapes(data, STORAGE, num_samples=1)
    asked = label_spec(data, data, "analytic")
    with pytest.raises(OptionError, match=r"is in the data set .*: give the run a folder outside it"):
        find_inputs(asked, STORAGE)
    below = changed(asked, out=f"{data}/run")
    assert find_inputs(below, STORAGE).dataset.url == data  # dataset.json names the shards
    (tmp_path / "data" / "dataset.json").unlink()
    with pytest.raises(OptionError, match=f"--out {data}/run is in the data set {data}"):
        find_inputs(below, STORAGE)
    assert find_inputs(changed(asked, out=f"{data}-run"), STORAGE).dataset.url == data


def test_an_iou_that_ends_logged_clicks_needs_masks(tmp_path: Path, dataset_url: str) -> None:
    log = tmp_path / "clicks.jsonl"
    log.write_text(
        '{"sample_key": "folder/shape-000", "object_id": "1", "click_idx": 0, "y": 5, "x": 5, "is_foreground": true}'
    )
    unmasked = write_shapes(str(tmp_path / "unmasked"), STORAGE, num_samples=1, with_truth=False).url
    replay = label_spec(unmasked, str(tmp_path / "run"), "analytic", clicks=f"logged:{log}", target_iou=0.9)
    for is_foreign in (False, True):
        if is_foreign:
            Path(unmasked, "dataset.json").unlink()
        with pytest.raises(OptionError, match=r"--target-iou 0\.9: .* has no object masks"):
            find_inputs(replay, STORAGE)
        find_inputs(changed(replay, target_iou="none"), STORAGE)
    find_inputs(changed(replay, dataset=dataset_url), STORAGE)
