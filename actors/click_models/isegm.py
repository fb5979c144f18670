"""The authors' own code of the `isegm` family as a click model: RITM, f-BRS, SimpleClick, ClickSEG and their kin."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from actors.click_models.isegm_clone import PACKAGE, IsegmClone, nets_of
from actors.click_models.isegm_options import IsegmOptions, parse_options
from mfp.click_model import Image, ModelTraits, SessionTurn
from mfp.errors import ModelError

_ADAPTER_VERSION = 1
"""Part of the identity: raise it with every change of this shelf that changes a mask."""


def isegm(clone: str = "", /, **options: str) -> IsegmModel:
    """The model of a clone. It runs the clone's code and the pickle of the checkpoint: both must be trusted.

    Args:
        clone: the root of a clone; a process can hold one.
        options: see `IsegmOptions`.

    Raises:
        ModelError: the clone or an option cannot be used.
        WeightsError: the checkpoint cannot be used.

    """
    if not clone:
        raise ModelError("isegm needs the folder of a clone: --model isegm:/path/to/clone")
    parsed = parse_options(options)
    imported = IsegmClone.at(clone)
    return IsegmModel(imported, imported.load(parsed), parsed, _identity(imported.root, parsed))


@dataclass(frozen=True, eq=False)
class IsegmSession:
    """The state of a session: objects of the clone that hold its previous map, its zoom and its clicks."""

    predictor: Any
    clicker: Any
    shape: tuple[int, int]


class IsegmModel:
    """A `SessionModel` that calls a clone as its authors' evaluation does: a click, a prediction, the next click."""

    max_sessions = 1

    def __init__(self, clone: IsegmClone, net: Any, options: IsegmOptions, identity: str) -> None:
        self._clone, self._net, self._options = clone, net, options
        self._device = torch.device("cpu")
        predictor = clone.new_predictor(net, options, self._device)
        self.traits = ModelTraits(
            name=f"isegm {options.mode} {options.checkpoint.name}",
            identity=identity,
            threshold=options.threshold,
            starts_from_mask=_takes_mask(predictor),
        )

    def for_inference(self, device: torch.device) -> IsegmModel:
        """See SessionModel. The networks themselves move: sessions that have begun elsewhere end here."""
        for net in nets_of(self._net):
            net.to(device)
        self._device = device
        return self

    def prepare(self, image: Image) -> Any:
        """The image in the form that the predictors take: (H, W, 3) uint8, or a normalised (3, H, W) float tensor."""
        if not self._options.is_normalised:
            return image.copy()  # images of a reader may be read-only, of which torch warns
        mean, std = (
            np.asarray(values, dtype=np.float32) for values in (self._options.mean, self._options.std)
        )
        normalised = (image.astype(np.float32) / 255 - mean) / std
        return torch.from_numpy(np.ascontiguousarray(normalised.transpose(2, 0, 1)))

    def begin(self, image: Image, shared: Any) -> IsegmSession:
        """See SessionModel."""
        predictor = self._clone.new_predictor(self._net, self._options, self._device)
        predictor.set_input_image(shared)
        return IsegmSession(predictor, self._clone.clicker(), image.shape[:2])

    def begin_from_mask(self, image: Image, shared: Any, prob: npt.NDArray[np.float32]) -> IsegmSession:
        """A session whose previous map is `prob`, (H, W) in [0, 1], before its first click.

        Raises:
            ModelError: predictors of this mode start from nothing; see `traits.starts_from_mask`.

        """
        session = self.begin(image, shared)
        predictor = session.predictor
        if not _takes_mask(predictor):
            raise ModelError(
                f"{self.traits.name}: sessions cannot start from a mask; start from nothing, or take another mode"
            )
        if hasattr(predictor, "set_prev_mask"):
            predictor.set_prev_mask(prob)
        else:
            # not get_prediction's `prev_mask`: a predictor that looks twice at a click forgets that at the second look
            predictor.prev_prediction = torch.tensor(prob, device=self._device)[None, None]  # (1, 1, H, W)
        return session

    def predict(self, turns: Sequence[SessionTurn]) -> list[npt.NDArray[np.float32]]:
        """See SessionModel. Clicks between pixels count for the pixel they fall on."""
        return [self._predict(turn) for turn in turns]

    def _predict(self, turn: SessionTurn) -> npt.NDArray[np.float32]:
        session: IsegmSession = turn.state
        clicks = session.clicker.get_clicks()
        new = turn.clicks[len(clicks) :]
        assert new, "called once after every look, which has a click"
        for click in new:
            session.clicker.add_click(self._clone.click(is_positive=click.is_foreground, coords=click.pixel))
        prob = np.ascontiguousarray(session.predictor.get_prediction(session.clicker), dtype=np.float32)
        if prob.shape != session.shape:
            raise ModelError(
                f"{self.traits.name}: a map of {prob.shape} for an image of {session.shape} pixels; "
                "see whether the mode fits the checkpoint"
            )
        return prob


def _takes_mask(predictor: Any) -> bool:
    return hasattr(predictor, "set_prev_mask") or hasattr(predictor, "prev_prediction")


def _identity(root: Path, options: IsegmOptions) -> str:
    """Of the weights, the clone's code, the options that decide results, and this adapter; 16 hex digits."""
    digest = hashlib.sha256(f"adapter {_ADAPTER_VERSION}".encode())
    with options.checkpoint.open("rb") as stream:
        digest.update(hashlib.file_digest(stream, "sha256").digest())
    for path in sorted((root / PACKAGE).rglob("*.py")):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    digest.update(options.decisive().encode())
    return digest.hexdigest()[:16]
