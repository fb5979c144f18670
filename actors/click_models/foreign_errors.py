"""What code of others raises, told in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mfp.errors import MfpError, ModelError

# What pip calls packages that are imported by another name.
_PIP_NAMES = {
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
}
_OF_THE_EXTRA = ("albumentations", "easydict", "tensorboard")


@contextmanager
def told_in_one_line(error: type[MfpError], failure: str, package: str) -> Iterator[None]:
    """Raise what comes out of the block again as an `error` that begins with `failure`.

    Args:
        error: the class to raise.
        failure: what failed, with its value.
        package: that of the clone; every other package that is missing is one to install.

    """
    try:
        yield
    except (MfpError, MemoryError):
        raise
    except ModuleNotFoundError as missing:
        raise error(f"{failure}: {_told_missing(missing, package)}") from missing
    except (Exception, SystemExit) as raised:  # code of others raises what it likes
        raise error(
            f"{failure}: {one_line(raised)}; see whether the clone's own scripts run in this environment"
        ) from raised


@contextmanager
def plug_in_told_in_one_line(failure: str) -> Iterator[None]:
    """As `told_in_one_line`, for the model of an installed package: raise a ModelError that begins with `failure`."""
    try:
        yield
    except (MfpError, MemoryError):
        raise
    except ModuleNotFoundError as missing:
        raise ModelError(
            f"{failure}: there is no module {missing.name}; install the package that brings it, on every node"
        ) from missing
    except (Exception, SystemExit) as raised:  # code of others raises what it likes
        raise ModelError(f"{failure}: {one_line(raised)}") from raised


def one_line(error: BaseException) -> str:
    """An error's type and text."""
    name = type(error).__name__
    text = text_in_one_line(error)
    return name if text == name else f"{name}: {text}"


def text_in_one_line(error: BaseException) -> str:
    """An error's text, or its type if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def _told_missing(missing: ModuleNotFoundError, package: str) -> str:
    if missing.name is None or f"{missing.name}.".startswith(f"{package}."):
        return f"it has no module {missing.name}; name the root of a clone of the {package} family"
    wanted = missing.name.partition(".")[0]
    if wanted == "mmcv":
        return "it needs the package mmcv; install the version that the clone's README names"
    if wanted in _OF_THE_EXTRA:
        return f"it needs the package {wanted}; pip install 'mfp-pipeline[isegm]'"
    return f"it needs the package {wanted}; pip install {_PIP_NAMES.get(wanted, wanted)}"
