"""Click models of other packages, without a Ray: what is one, its identity, and what a worker says that lacks it."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from actors.click_models.installed import installed_models
from actors.click_models.model_ref import ModelRef
from actors.click_models.plug_in import PlugIn, plug_in_of
from actors.specs.model import ModelChoice
from infra.storage.files import Storage
from mfp.errors import ModelError
from mfp.models.analytic import AnalyticClickModel
from pipelines.errors import OptionError
from pipelines.inputs.label_inputs import find_inputs
from pipelines.inputs.model_source import find_and_build, find_model
from tests.actors.click_models.toy_wheel import write_wheel
from tests.actors.shapes import write_shapes
from tests.mfp.click_models import GrowingModel
from tests.specs import changed, label_spec

STORAGE = Storage()
SOURCE = """
from pathlib import Path

from mfp.click_model import ModelTraits
from mfp.errors import ImageSizeError
from mfp.models.analytic import AnalyticClickModel


class Fake(AnalyticClickModel):
    def __init__(self, content):
        self.traits_ = ModelTraits(name="fake", identity=content)

    traits = property(lambda self: self.traits_)

    def crop_size(self, height, width, zoom_size):
        if zoom_size % 32:
            raise ImageSizeError("crops are multiples of 32")
        return zoom_size, zoom_size


def fake(checkpoint="", *, colour="", size=""):
    return Fake(Path(checkpoint).read_text() if checkpoint else "no checkpoint")


def sized(size="0"):
    return Fake("of any size")


def of_no_kind():
    return 7


def of_other_traits():
    model = Fake("")
    model.traits_ = {"name": "fake"}
    return model


def broken():
    return [][1]


def leaving():
    raise SystemExit(0)


text = "no function"
"""


@pytest.fixture(autouse=True)
def nothing_imported() -> Iterator[None]:
    """Each test imports the package that it has made."""
    yield
    sys.modules.pop("fake_clicks", None)


def bring(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str = "fake-clicks",
    version: str = "1.0",
    models: Mapping[str, str] = {"fake": "fake_clicks:fake", "sized": "fake_clicks:sized"},
) -> Path:
    """Install a package that brings click models, in front of all others; its folder."""
    site = folder / f"{name}-{version}"
    wheel = write_wheel(folder, name, version, {"fake_clicks.py": SOURCE.encode()}, dict(models))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    monkeypatch.syspath_prepend(str(site))
    sys.modules.pop("fake_clicks", None)
    return site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package, installed."""
    return bring(tmp_path, monkeypatch)


def choice(name: str = "fake", *options: str) -> ModelChoice:
    return ModelChoice(name, options=options, trust_model_code=True)


def found(name: str = "fake", *options: str) -> ModelRef:
    return find_model(choice(name, *options), STORAGE)


def plug_in(name: str = "fake", *options: str) -> PlugIn:
    named = plug_in_of(choice(name, *options))
    assert named is not None
    return named


def checkpoint(folder: Path, content: str = "weights") -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "checkpoint"
    file.write_text(content)
    return file


def test_identity_is_that_of_the_package_its_version_the_options_and_the_model(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identities = [
        found().identity,
        found("fake", "colour=red").identity,
        found("fake", "colour=blue").identity,
        found(f"fake:{checkpoint(tmp_path / 'a', 'weights')}").identity,
        found(f"fake:{checkpoint(tmp_path / 'a', 'others')}").identity,
        found("fake", f"size={checkpoint(tmp_path / 'a', 'weights')}").identity,
        found("fake", f"size={checkpoint(tmp_path / 'a', 'others')}").identity,
        found("python:fake_clicks:sized").identity,
        found("sized:60").identity,
        found("sized:70").identity,
    ]
    bring(tmp_path, monkeypatch, version="1.1")
    identities.append(found().identity)
    bring(tmp_path, monkeypatch, name="renamed", models={"renamed": "fake_clicks:fake"})
    identities.append(found("renamed").identity)
    assert len(set(identities)) == len(identities)


def test_identity_is_not_that_of_the_order_of_options_or_of_a_path(site: Path, tmp_path: Path) -> None:
    one, other = ("colour=red", "size=2"), ("size=2", "colour=red")
    assert found("fake", *one).identity == found("fake", *other).identity
    assert choice("fake", *one).resolved() == choice("fake", *other).resolved()
    here, there = checkpoint(tmp_path / "a"), checkpoint(tmp_path / "b")
    assert found(f"fake:{here}").identity == found(f"fake:{there}").identity
    assert found("fake", f"size={here}").identity == found("fake", f"size={there}").identity
    assert found(f"sized:{here.parent}").identity == found(f"sized:{there.parent}").identity


def test_a_word_is_a_word_in_every_working_directory(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def identity(name: str, *options: str) -> str:
        return find_model(choice(name, *options).resolved(), STORAGE).identity

    elsewhere = [identity("fake", "colour=red"), identity("sized:60")]
    for name in ("red", "60"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert [identity("fake", "colour=red"), identity("sized:60")] == elsewhere
    assert identity("fake", "size=./60") == identity("fake", f"size={tmp_path}"), (
        "folders say nothing themselves"
    )


def test_the_models_that_come_with_us_say_all_of_their_identity_themselves() -> None:
    for factory in ("actors.click_models.sam:sam", "actors.click_models.isegm:isegm"):
        ours = [
            PlugIn(factory, "mfp-pipeline", version, "/path", (("sessions", "2"),)) for version in ("1", "2")
        ]
        assert {one.identity_of(GrowingModel()) for one in ours} == {"growing 1"}


def test_an_option_is_given_once() -> None:
    with pytest.raises(ValueError, match="--model-option size=1 size=2: each name may be given once"):
        choice("fake", "size=1", "size=2")


def test_a_worker_builds_what_the_driver_has_found(site: Path, tmp_path: Path) -> None:
    ref, model = find_and_build(choice(f"fake:{checkpoint(tmp_path / 'a')}"), STORAGE)
    assert isinstance(ref.origin, PlugIn)
    assert (ref.origin.package, ref.origin.version) == ("fake-clicks", "1.0")
    assert ref.build().traits == model.traits


def test_a_worker_with_another_version_says_both_and_the_remedy(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = found()
    bring(tmp_path, monkeypatch, version="1.1")
    assert refusal(ref) == (
        "the click model fake_clicks:fake is fake-clicks 1.1 here and fake-clicks 1.0 where the run was begun: install "
        "the same one on every node, in its image or its runtime environment"
    )


def test_a_worker_without_the_package_says_so(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = found()
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != str(site)])
    assert refusal(ref) == (
        "the click model fake_clicks:fake is of no package here and fake-clicks 1.0 where the run was begun: install "
        "the same one on every node, in its image or its runtime environment"
    )


def test_a_worker_with_another_checkpoint_says_so(site: Path, tmp_path: Path) -> None:
    ref = found(f"fake:{checkpoint(tmp_path / 'a')}")
    checkpoint(tmp_path / "a", "others")
    with pytest.raises(
        ModelError, match=r"its checkpoint or its code differs; bring the same files to every"
    ):
        ref.build()


def refusal(ref: ModelRef) -> str:
    with pytest.raises(ModelError) as caught:
        ref.build()
    return str(caught.value)


def test_a_package_is_known_by_its_own_name_where_several_share_a_module(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(tmp_path, monkeypatch, name="a-neighbour", version="7", models={"neighbour": "fake_clicks:fake"})
    ref = found()
    assert isinstance(ref.origin, PlugIn)
    assert ref.origin.package == "fake-clicks"
    ref.build()


def test_a_function_is_named_without_an_entry_point(site: Path) -> None:
    named = plug_in("python:fake_clicks:fake")
    assert (named.factory, named.package, named.version) == ("fake_clicks:fake", "fake-clicks", "1.0")
    assert found("python:fake_clicks:fake").identity == found("fake").identity
    of_no_package = found("python:tests.mfp.click_models:GrowingModel")
    assert isinstance(of_no_package.origin, PlugIn)
    assert of_no_package.origin.package == ""
    of_no_package.build()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("python:fake_clicks", "'fake_clicks' names no function: write package.module:function"),
        ("python:", "--model python: names no function: write python:package.module:factory"),
        ("python:fake_clicks:gone", "the click model fake_clicks:gone cannot be imported: AttributeError: "),
        ("python:fake_clicks:text", "fake_clicks:text is a str and no function that makes a click model"),
        (
            "python:fake_clicks.gone:fake",
            "cannot be imported: there is no module fake_clicks.gone; install the ",
        ),
        (
            "python:gone_clicks:fake",
            "there is no package gone_clicks; install it on every node, in its image ",
        ),
        (
            "python:fake_clicks:of_no_kind",
            "fake_clicks:of_no_kind has made a int, which is no click model: it ",
        ),
        (
            "python:fake_clicks:of_other_traits",
            "the traits of fake_clicks:of_other_traits are {'name': 'fake'}: ",
        ),
        (
            "python:fake_clicks:broken",
            "the click model fake_clicks:broken cannot be made: IndexError: list index",
        ),
        ("python:fake_clicks:leaving", "the click model fake_clicks:leaving cannot be made: SystemExit: 0"),
        ("isegm", "isegm needs the folder of a clone: --model isegm:/path/to/clone"),
        ("sam", "sam needs weights: --model sam:/path/to/folder, or sam:OWNER/NAME of the hub"),
        (
            "python:__main__:fake",
            "__main__:fake lies in the program that runs, which is another one on a worker: ",
        ),
        ("fake:/gone", "the click model fake_clicks:fake cannot be made: FileNotFoundError: "),
        ("fakes", "model 'fakes' is unknown (did you mean fake?); "),
        (
            "fakes:/models",
            "no installed package brings a click model 'fakes' (did you mean fake?): `mfp models` ",
        ),
    ],
)
def test_what_makes_no_click_model_is_one_line(site: Path, name: str, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        find_and_build(choice(name), STORAGE)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_that_a_model_does_not_take_are_told_with_those_it_takes(site: Path) -> None:
    with pytest.raises(
        ModelError,
        match=r"fake_clicks:fake\(checkpoint='', \*, colour='', size=''\) .* argument 'seize'; options",
    ):
        find_and_build(choice("fake", "seize=3"), STORAGE)


def test_a_shipped_model_takes_no_options() -> None:
    with pytest.raises(ModelError, match=r"--model-option size=3: analytic takes no options"):
        find_and_build(choice("analytic", "size=3"), STORAGE)


def test_code_that_nobody_trusts_does_not_run(site: Path) -> None:
    for name in ("fake", "python:fake_clicks:fake"):
        with pytest.raises(
            ModelError, match=f"--model {name} runs the code of fake-clicks .*--trust-model-code"
        ):
            find_and_build(ModelChoice(name), STORAGE)
    assert "fake_clicks" not in sys.modules


@pytest.mark.parametrize("name", ["C:/x.safetensors", "s3://b/m.safetensors", "run://x", "lite0", "./fake"])
def test_files_training_runs_and_shipped_models_are_no_plug_ins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bring(tmp_path, monkeypatch, models={"s3": "fake_clicks:fake", "run": "fake_clicks:fake"})
    assert not choice(name).names_plug_in
    assert plug_in_of(choice(name)) is None


def test_a_shipped_model_keeps_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(tmp_path, monkeypatch, models={"analytic": "fake_clicks:fake"})
    _, model = find_and_build(choice("analytic"), STORAGE)
    assert type(model) is AnalyticClickModel


def test_a_name_that_two_packages_bring_is_refused_with_both_and_spoils_no_other(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(tmp_path, monkeypatch, name="copy", models={"fake": "fake_clicks:fake", "mine": "fake_clicks:fake"})
    with pytest.raises(ModelError) as caught:
        found("fake")
    assert str(caught.value) == (
        "--model fake: copy 1.0 and fake-clicks 1.0 both bring a click model of that name; uninstall one, or name the "
        "function: python:fake_clicks:fake or python:fake_clicks:fake"
    )
    found("mine")
    assert [entry.name for entry in installed_models()].count("fake") == 2


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_shapes(str(tmp_path_factory.mktemp("shapes")), STORAGE, num_samples=1).url


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("fake", {"zoom_size": 100}, "--zoom-size 100: crops are multiples of 32"),
        (
            "python:tests.mfp.click_models:GrowingModel",
            {"zoom_size": 96, "flip": "off"},
            "--flip off, --zoom-size 96: python:tests.mfp.click_models:GrowingModel frames and runs its images itself; "
            "leave that out, and see its own options",
        ),
        (
            "fake",
            {"modulation": "paper"},
            "--modulation paper: fake: it takes no modulated map; leave the option out",
        ),
    ],
)
def test_a_setting_that_the_model_cannot_take_is_refused_before_the_run_begins(
    site: Path, dataset: str, tmp_path: Path, name: str, setting: dict[str, int | str], message: str
) -> None:
    spec = changed(label_spec(dataset, str(tmp_path / "run"), name), trust_model_code=True)
    find_inputs(spec.resolved(), STORAGE)
    with pytest.raises((OptionError, ModelError)) as caught:
        find_inputs(changed(spec, **setting).resolved(), STORAGE)
    assert str(caught.value).startswith(message)
    assert not (tmp_path / "run").exists()
