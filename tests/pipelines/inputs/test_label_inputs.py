"""What a labelling run refuses before anything of it is written: sizes and settings that its model cannot take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infra.storage.files import Storage
from mfp.model_file import model_to_bytes
from mfp.models.registry import NetworkConfig
from mfp.models.vit import ViTConfig
from mfp.network import BASELINE_CLICKS
from pipelines.errors import OptionError
from pipelines.inputs.label_inputs import find_inputs
from pipelines.options import LabelOptions
from tests.actors.shapes import write_shapes
from tests.mfp.network_factories import SMALL_CONFIGS, create_network

STORAGE = Storage()
# Eight blocks, some of which attend inside windows of 224 pixels.
WINDOWED = ViTConfig(width=16, depth=8, num_heads=2, pyramid_widths=(4, 4, 8, 8), head_width=8)


@pytest.fixture(scope="module")
def dataset_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_shapes(str(tmp_path_factory.mktemp("shapes")), STORAGE, num_samples=1).url


def options(dataset_url: str, folder: Path, config: NetworkConfig) -> LabelOptions:
    model = folder / "model.safetensors"
    model.write_bytes(model_to_bytes(config, create_network(config).state_dict(), {}))
    return LabelOptions(dataset_url, str(folder / "run"), str(model))


@pytest.mark.parametrize(("zoom_size", "nearest"), [(450, "448 or 672"), (100, "224")])
def test_a_zoom_size_that_a_vit_cannot_take_is_refused_with_the_nearest_that_work(
    tmp_path: Path, dataset_url: str, zoom_size: int, nearest: str
) -> None:
    asked = options(dataset_url, tmp_path, WINDOWED)
    with pytest.raises(OptionError, match=rf"--zoom-size {zoom_size}: .*nearest to {zoom_size}: {nearest}$"):
        find_inputs(replace(asked, zoom_size=zoom_size), STORAGE)
    find_inputs(replace(asked, zoom_size=672), STORAGE)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["lite0", "hrnet18", "resnet34"])
def test_convolutional_networks_take_any_zoom_size(tmp_path: Path, dataset_url: str, name: str) -> None:
    asked = options(dataset_url, tmp_path, SMALL_CONFIGS[name])
    for zoom_size in (32, 333):
        assert find_inputs(replace(asked, zoom_size=zoom_size), STORAGE).model.name == asked.model


def test_a_variant_of_modulation_is_refused_for_a_model_that_is_shown_none(
    tmp_path: Path, dataset_url: str
) -> None:
    asked = options(dataset_url, tmp_path, replace(SMALL_CONFIGS["vit"], clicks=BASELINE_CLICKS))
    with pytest.raises(OptionError, match=r"--modulation paper: .*takes no modulated map"):
        find_inputs(replace(asked, modulation="paper"), STORAGE)


def test_a_run_in_its_own_data_is_refused(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    write_shapes(data, STORAGE, num_samples=1)
    asked = LabelOptions(data, data, "analytic")
    with pytest.raises(OptionError, match=r"is in the data set .*: give the run a folder outside it"):
        find_inputs(asked, STORAGE)
    below = replace(asked, out=f"{data}/run")
    assert find_inputs(below, STORAGE).dataset.url == data  # dataset.json names the shards
    (tmp_path / "data" / "dataset.json").unlink()
    with pytest.raises(OptionError, match=f"--out {data}/run is in the data set {data}"):
        find_inputs(below, STORAGE)
    assert find_inputs(replace(asked, out=f"{data}-run"), STORAGE).dataset.url == data
