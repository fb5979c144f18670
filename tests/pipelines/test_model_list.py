from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from actors.click_models.model_ref import ModelRef, Weights
from actors.specs.model import ModelChoice
from infra.storage.files import Storage
from mfp.errors import WeightsError
from mfp.model_file import model_to_bytes
from mfp.models.lite0 import Lite0Config
from mfp.models.registry import build_network
from pipelines.cli import app
from pipelines.inputs.model_names import shipped_models
from pipelines.inputs.model_source import find_model
from pipelines.jobs import model_list
from pipelines.jobs.model_list import list_models, list_networks, render_models, render_networks


def test_every_shipped_model_is_listed_with_the_analytic_one() -> None:
    assert [model.name for model in list_models()] == [*shipped_models(), "isegm", "sam"]
    assert "analytic" in shipped_models()


def test_a_model_is_described_by_its_own_file() -> None:
    config = Lite0Config()
    network = build_network(config)
    facts = {"steps": 4000, "noc": {"davis": {"85": 5.0, "90": 7.25}, "voc val": {"85": 3.0}}}
    data = model_to_bytes(config, network.state_dict(), facts)
    listed = model_list._listed(ModelRef("mine", "", Weights(data)))
    trained = sum(parameter.numel() for parameter in network.parameters())
    assert (listed.architecture, listed.num_parameters) == ("lite0", trained)
    assert (listed.num_bytes, listed.steps, listed.noc) == (len(data), 4000, facts["noc"])


def test_every_network_that_can_be_trained_is_listed_with_its_size() -> None:
    networks = {network.name: network for network in list_networks()}
    assert list(networks) == ["vit_b", "hrnet18", "resnet34", "lite0"]
    trained = sum(parameter.numel() for parameter in build_network(Lite0Config()).parameters())
    assert networks["lite0"].num_parameters == trained
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(render_networks(list(networks.values())))
    header, vit, *_, lite0 = console.export_text().splitlines()
    assert header.split() == ["to", "train", "network", "params", "crop"]
    assert vit.split()[-3:] == [f"{networks['vit_b'].num_parameters / 1e6:.2f}", "M", "448x448"]
    assert lite0.startswith("lite0     EfficientNet-Lite0")


def test_the_command_lists_both_as_text_and_as_json() -> None:
    text = CliRunner().invoke(app, ["models"])
    assert "analytic" in text.stdout
    assert "hrnet18" in text.stdout
    document = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)
    assert [model["name"] for model in document["models"]] == [*shipped_models(), "isegm", "sam"]
    assert [network["name"] for network in document["networks"]][-1] == "lite0"


def test_the_table_has_a_row_for_each_data_set() -> None:
    models = [
        model_list.ListedModel(
            "a", "lite0", 1234567, 9_800_000, 4000, {"davis": {"85": 5.0, "90": 7.25}, "voc": {}}
        ),
        model_list.ListedModel("analytic", "formula", 0, 0, None, {}),
    ]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(render_models(models))
    header, first, second, third = (line.split() for line in console.export_text().splitlines())
    expected = "model network params size steps NoC on @85 @90 @95"
    assert " ".join(header) == expected
    assert first == ["a", "lite0", "1.23", "M", "9.8", "MB", "4,000", "davis", "5.00", "7.25"]
    assert second == ["voc"]
    assert third == ["analytic", "formula"]


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    garbage = tmp_path / "weights.safetensors"
    garbage.write_bytes(b"no model")
    with pytest.raises(WeightsError, match=r"weights\.safetensors: .* no model file"):
        find_model(ModelChoice(str(garbage)), Storage())
