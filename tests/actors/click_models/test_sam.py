"""SAM models as click models, against the loop that the documentation of `transformers` shows."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file, save_file

from actors.click_models.sam import SamClickModel, sam
from actors.click_models.sam_frame import SamFrame
from mfp.click_model import Image, SessionModel, SessionTurn
from mfp.clicks import Click
from mfp.errors import ImageSizeError, MfpError, ModelError, WeightsError
from mfp.session import Truth
from mfp.users.protocol_user import next_click
from tests.actors.click_models.tiny_sam import FAMILIES, write_tiny_sam
from tests.mfp.session_factories import create_image, create_truth

transformers: Any = pytest.importorskip(
    "transformers", reason='no transformers: pip install "mfp-pipeline[sam]"'
)

SIZES = [(50, 70), (97, 61), (33, 128)]
NUM_CLICKS = 5
SAME = 5e-7
"""The same logits: the sigmoid's last bit depends on where an array begins in memory."""
BATCHED = 2e-5
"""The same session in another batch: sums are taken in another order."""

Prob = npt.NDArray[np.float32]
Predict = Callable[[Sequence[Click]], Prob]


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    """As the port promises its models."""
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("sam")
    return {family: write_tiny_sam(family, root / family) for family in FAMILIES}


@pytest.fixture
def folder(folders: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of SAM's that a test may spoil."""
    return Path(shutil.copytree(folders["sam"], tmp_path / "weights"))


def clicked(truth: Truth, predict: Predict) -> list[tuple[Click, Prob]]:
    """A session of the simulated user: every click with the map that followed it."""
    clicks: list[Click] = []
    turns: list[tuple[Click, Prob]] = []
    mask = np.zeros(truth.shape, np.bool_)
    while len(clicks) < NUM_CLICKS and isinstance(click := next_click(truth, mask, clicks), Click):
        clicks.append(click)
        prob = predict(clicks)
        turns.append((click, prob))
        mask = prob > 0.5
    return turns


def adapted(model: SamClickModel, image: Image, shared: Any) -> Predict:
    state = model.begin(image, shared)
    return lambda clicks: model.predict([SessionTurn(state, tuple(clicks))])[0]


def documented(folder: Path, family: str, image: Image) -> Predict:
    """The calls that the library documents, one click at a time and without a word of ours."""
    classes = {
        "sam": (transformers.SamModel, transformers.SamProcessor),
        "sam2": (transformers.Sam2Model, transformers.Sam2Processor),
        "sam2_video": (transformers.Sam2Model, transformers.Sam2Processor),
        "sam3_tracker": (transformers.Sam3TrackerModel, transformers.Sam3TrackerProcessor),
    }
    network_class, processor_class = classes[family]
    network, processor = network_class.from_pretrained(folder).eval(), processor_class.from_pretrained(folder)
    embeddings = network.get_image_embeddings(processor(images=image, return_tensors="pt")["pixel_values"])
    last: list[torch.Tensor] = []

    def predict(clicks: Sequence[Click]) -> Prob:
        points = [[click.x, click.y] for click in clicks]
        labels = [int(click.is_foreground) for click in clicks]
        inputs = processor(
            images=image,
            input_points=[points] if family == "sam" else [[points]],
            input_labels=[labels] if family == "sam" else [[labels]],
            return_tensors="pt",
        )
        output = network(
            input_points=inputs["input_points"],
            input_labels=inputs["input_labels"],
            image_embeddings=embeddings,
            multimask_output=len(clicks) == 1,
            **({"input_masks": last[-1]} if last else {}),
        )
        best = int(output.iou_scores[0, 0].argmax())
        last.append(output.pred_masks[:, :, best])
        sizes = [inputs["original_sizes"], *([inputs["reshaped_input_sizes"]] if family == "sam" else [])]
        (logits,) = processor.post_process_masks(output.pred_masks, *sizes, binarize=False)
        return np.asarray(torch.sigmoid(logits[0, best]).numpy())

    return predict


@pytest.mark.parametrize("family", FAMILIES)
def test_a_session_is_click_for_click_that_of_the_documented_loop(
    folders: dict[str, Path], family: str
) -> None:
    model = sam(str(folders[family]))
    means: list[float] = []
    for seed, (height, width) in enumerate(SIZES):
        image = create_image(seed, height, width)
        shared = model.prepare(image)
        for truth in (create_truth(seed, height, width), create_truth(seed + 10, height, width)):
            ours = clicked(truth, adapted(model, image, shared))
            theirs = clicked(truth, documented(folders[family], family, image))
            assert [click for click, _ in ours] == [click for click, _ in theirs]
            assert len(ours) >= 3
            for (_, prob), (_, expected) in zip(ours, theirs, strict=True):
                assert prob.shape == (height, width) and prob.dtype == np.float32
                np.testing.assert_allclose(prob, expected, rtol=0, atol=SAME)
            means.extend(float((prob > 0.5).mean()) for _, prob in ours)
    assert np.std(means) > 0.01, "masks that all look alike would prove little"


@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_is_encoded_once_for_all_clicks_and_objects(folders: dict[str, Path], family: str) -> None:
    model = sam(str(folders[family]))
    calls: list[int] = []
    model.network.vision_encoder.register_forward_hook(lambda *_: calls.append(1))
    for seed, (height, width) in enumerate(SIZES):
        image = create_image(seed, height, width)
        shared = model.prepare(image)
        for truth_seed in range(3):
            clicked(create_truth(truth_seed, height, width), adapted(model, image, shared))
        assert len(calls) == seed + 1


@pytest.mark.parametrize("family", FAMILIES)
def test_sessions_of_several_images_in_one_call_are_those_that_run_alone(
    folders: dict[str, Path], family: str
) -> None:
    model = sam(str(folders[family]), sessions="4")
    images = [create_image(seed, *size) for seed, size in enumerate(SIZES)]
    shared = [model.prepare(image) for image in images]
    which = [0, 0, 1, 2]
    alone = [
        clicked(create_truth(key, *SIZES[number]), adapted(model, images[number], shared[number]))
        for key, number in enumerate(which)
    ]
    together = [model.begin(images[number], shared[number]) for number in which]
    made: list[list[Prob]] = [[] for _ in which]
    while waiting := [key for key in range(4) if len(made[key]) < len(alone[key])]:
        # they start one after the other, so that a call has sessions of different ages
        ready = [key for key in waiting if sum(map(len, made)) >= key or key == waiting[0]]
        turns = [
            SessionTurn(together[key], tuple(click for click, _ in alone[key][: len(made[key]) + 1]))
            for key in ready
        ]
        for key, prob in zip(ready, model.predict(turns), strict=True):
            made[key].append(prob)
    for key in range(4):
        for prob, (_, expected) in zip(made[key], alone[key], strict=True):
            np.testing.assert_allclose(prob, expected, rtol=0, atol=BATCHED)


def test_clicks_and_the_last_mask_both_matter(folders: dict[str, Path]) -> None:
    model = sam(str(folders["sam2"]))
    image = create_image(0, 50, 70)
    shared = model.prepare(image)
    first, second, other = Click(25, 35, True), Click(10, 10, False), Click(10, 10, True)

    def last(*steps: tuple[Click, ...]) -> Prob:
        predict = adapted(model, image, shared)
        return [predict(clicks) for clicks in steps][-1]

    usual = last((first,), (first, second))
    assert np.abs(usual - last((first,), (first, other))).max() > 1e-3
    assert np.abs(usual - last((second,), (first, second))).max() > 1e-3


def test_points_and_masks_keep_off_the_padding() -> None:
    frame = SamFrame(image_size=(50, 100), filled_size=(32, 64), input_size=(64, 64), is_padded=True)
    assert frame.points([Click(25, 50, True)]).tolist() == [[32.0, 16.0]]
    logits = torch.full((1, 1, 16, 16), -1.0)
    logits[..., 10:, :] = 1.0  # all of it in the padding
    assert frame.image_logits(logits).shape == (1, 1, 50, 100)
    assert frame.image_logits(logits).max() < 0


@pytest.mark.parametrize("family", ["sam", "sam2"])
@pytest.mark.parametrize("size", [(3, 40), (40, 3), (1, 1), (64, 64)])
def test_images_of_any_size_are_taken(folders: dict[str, Path], family: str, size: tuple[int, int]) -> None:
    model = sam(str(folders[family]))
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    image.flags.writeable = False
    prob = adapted(model, image, model.prepare(image))([Click(0, 0, True)])
    assert prob.shape == size and 0 <= prob.min() <= prob.max() <= 1


def test_an_image_of_which_sam_would_leave_no_row_is_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(ImageSizeError, match="cut it into pieces"):
        sam(str(folders["sam"])).prepare(np.zeros((1, 200, 3), np.uint8))


def test_it_is_a_session_model_and_says_what_it_is(folders: dict[str, Path]) -> None:
    model = sam(str(folders["sam"]))
    assert isinstance(model, SessionModel)
    assert model.traits.threshold == 0.5
    assert not model.traits.starts_from_mask
    assert model.traits.name == "sam sam"
    assert model.max_sessions == 1
    assert sam(str(folders["sam"]), sessions="3").max_sessions == 3
    assert model.for_inference(torch.device("cpu")).max_sessions == 1


def test_a_folder_with_a_preprocessor_config_is_read_as_well(folder: Path) -> None:
    path = folder / "processor_config.json"
    settings = json.loads(path.read_text())["image_processor"]
    path.unlink()
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    image = create_image(0, 50, 70)
    assert sam(str(folder)).prepare(image).frame == SamFrame((50, 70), (46, 64), (64, 64), True)


def test_the_identity_changes_with_weights_configuration_and_library(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def identity(**options: str) -> str:
        return sam(str(folder), **options).traits.identity

    known = [identity()]
    (folder / "README.md").write_text("not part of it")
    assert identity() == known[0] and len(known[0]) == 16
    assert identity(sessions="2") == known[0], "how the work is done, and not what comes of it"
    processor = folder / "processor_config.json"
    processor.write_text(processor.read_text().replace("0.485", "0.5"))
    known.append(identity())
    tensors = load_file(folder / "model.safetensors")
    tensors["mask_decoder.iou_token.weight"] += 1
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    known.append(identity())
    # the library imports itself a second time, so that the module may be another one by now
    monkeypatch.setattr(sys.modules["transformers"], "__version__", "5.99.0")
    known.append(identity())
    assert len(set(known)) == len(known)


def test_code_in_a_folder_does_not_run(folder: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (folder / "own.py").write_text(
        f"open({str(ran)!r}, 'w').close()\nclass Own: pass\nclass OwnConfig: pass\n"
    )
    for name, kinds in (
        ("config.json", ("AutoConfig", "AutoModel")),
        ("processor_config.json", ("AutoProcessor",)),
    ):
        document = json.loads((folder / name).read_text())
        document["auto_map"] = dict.fromkeys(kinds, "own.Own")
        (folder / name).write_text(json.dumps(document))
    sam(str(folder))
    assert not ran.exists()


def test_a_name_on_the_hub_is_read_from_where_the_hub_puts_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, list[str]]] = []

    def snapshot_download(name: str, *, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert sam("owner/tiny-sam").traits.name == "sam tiny-sam"
    assert [name for name, _ in asked] == ["owner/tiny-sam"]
    assert not any(
        pattern.endswith((".bin", ".pt", ".py", "*")) for _, patterns in asked for pattern in patterns
    )


def _no_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _other_architecture(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "bert"}')


def _no_configuration(folder: Path) -> None:
    (folder / "config.json").unlink()


def _broken_configuration(folder: Path) -> None:
    (folder / "config.json").write_text("[]")


def _no_processor(folder: Path) -> None:
    (folder / "processor_config.json").unlink()


def _broken_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])


def _a_tensor_less(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["mask_decoder.iou_token.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def _another_size(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text().replace('"iou_head_hidden_dim": 32', '"iou_head_hidden_dim": 16'))


@pytest.mark.parametrize(
    ("spoil", "error", "says"),
    [
        (_no_safetensors, WeightsError, r"no \*.safetensors file in it; save"),
        (_other_architecture, ModelError, "model_type 'bert' is none of sam, sam2"),
        (_no_configuration, WeightsError, "no config.json in it; save"),
        (_broken_configuration, WeightsError, "no JSON object with a model_type; save"),
        (_no_processor, WeightsError, "neither processor_config.json nor .* in it; save"),
        (_broken_weights, WeightsError, "cannot read it .*; save"),
        (_a_tensor_less, WeightsError, "1 tensors of SamModel are missing .* mask_decoder.iou_token.weight"),
        (_another_size, WeightsError, "cannot read it|of another shape"),
        (shutil.rmtree, WeightsError, "not a folder; give one"),
    ],
)
def test_a_folder_that_is_no_model_is_refused_in_one_line(
    folder: Path, spoil: Callable[[Path], None], error: type[MfpError], says: str
) -> None:
    spoil(folder)
    with pytest.raises(error, match=says) as caught:
        sam(str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"precision": "fp16"}, "no option 'precision'; there is one, sessions=NUMBER"),
        ({"sessions": "0"}, "sessions=0: must be"),
        ({"sessions": "many"}, "sessions=many: must be"),
    ],
)
def test_an_option_that_it_has_not_is_refused(folder: Path, options: dict[str, str], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        sam(str(folder), **options)


def test_without_the_library_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModelError, match=r'pip install "mfp-pipeline\[sam\]"'):
        sam(str(folder))


def test_a_hub_that_gives_nothing_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot_download(name: str, *, allow_patterns: list[str]) -> str:
        raise OSError("no such repository\nand more lines")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    with pytest.raises(
        WeightsError, match=r"owner/none: not a folder, and the hub .*no such repository\); check"
    ) as caught:
        sam("owner/none")
    assert "\n" not in str(caught.value)
