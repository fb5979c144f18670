"""What was given as --model, as far as its name tells: no network library is loaded for a mistyped one."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from importlib import resources

from infra.storage.files import Storage, basename
from mfp.errors import ModelError, WeightsError
from mfp.models.names import ANALYTIC
from pipelines.errors import OptionError
from pipelines.options import TRAINING_RUN_PREFIX

EXTENSION = ".safetensors"
_CHECKPOINTS = (".pth", ".pt", ".ckpt", ".pth.tar", ".tar", ".bin", ".pkl", ".pickle", ".onnx", ".h5", ".npz")


def shipped_models() -> list[str]:
    """The names of the models inside this package, `analytic` included."""
    files = resources.files("mfp.weights").iterdir()
    names = sorted(file.name.removesuffix(EXTENSION) for file in files if file.name.endswith(EXTENSION))
    return [*names, ANALYTIC]


def is_location(name: str) -> bool:
    """Whether what was given as --model is a path or URL, and not a name."""
    return "/" in name or name.lower().endswith((EXTENSION, *_CHECKPOINTS))


def check_model_name(name: str, storage: Storage) -> None:
    """Refuse what `find_model` would refuse after the network library was loaded.

    Raises:
        ModelError: no shipped model of that name, and no path or URL either.
        WeightsError: a checkpoint of another program, which has to be converted first.
        StorageError: there is no such file, or it cannot be asked for.

    """
    if not is_location(name):
        if name not in shipped_models():
            raise ModelError(unknown_model(name))
        return
    if not storage.exists(name):
        reason = "it is a folder" if storage.is_dir(name) else "there is no such file"
        raise ModelError(f"--model {name}: {reason}; {_what_else()}")
    if name.lower().endswith(_CHECKPOINTS):
        stem = basename(name).partition(".")[0]
        raise WeightsError(
            f"--model {name} is a checkpoint of another program and no model file: `mfp convert {name} "
            f"{stem}{EXTENSION}` makes one of it"
        )


def check_output_name(out: str) -> None:
    """Raise OptionError unless `out` ends as the name of a model file does."""
    if not out.endswith(EXTENSION):
        raise OptionError(f"{out}: a model file's name ends in {EXTENSION}; name the output so")


def unknown_model(name: str) -> str:
    """What to tell a person who has given a name that no model has."""
    return f"model {name!r} is unknown{did_you_mean(name, shipped_models())}; {_what_else()}"


def did_you_mean(name: str, known: Collection[str]) -> str:
    """A question in brackets about the most alike of the known names; empty if none is alike."""
    alike = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return f" (did you mean {alike[0]}?)" if alike else ""


def _what_else() -> str:
    return (
        f"shipped are {', '.join(shipped_models())}, anything else is the path or URL of a {EXTENSION} file, or "
        f"{TRAINING_RUN_PREFIX} and the directory of a training run"
    )
