"""SAM and its successors as click models: `--model sam:FOLDER`.

An image is encoded once for all of its objects. After the first click the model offers several masks, and the one that
it holds for the best is taken. After every later click it is given all clicks and its last mask, and gives one mask.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from actors.click_models.sam_frame import SamFrame
from actors.click_models.sam_weights import SamWeights, read_sam_weights
from mfp.click_model import Image, ModelTraits, SessionTurn
from mfp.errors import ImageSizeError, ModelError

_SESSIONS_ON_CUDA = 8


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """What all objects of an image share.

    Attributes:
        embeddings: the image encoder's maps, each (1, C, h, w), the coarsest last.
        frame: where the image lies in the model's input.
    """

    embeddings: tuple[Tensor, ...]
    frame: SamFrame


@dataclass(eq=False)
class SamSession:
    """One object.

    Attributes:
        image: it is on.
        logits: (1, 1, h, w) of the last mask, as the model takes them back; None before the first click.
    """

    image: EncodedImage
    logits: Tensor | None = None


class SamClickModel:
    """A `SessionModel` over an image model of `transformers`."""

    def __init__(self, weights: SamWeights, sessions: int | Literal["auto"] = "auto") -> None:
        """Args: weights: read from disk; sessions: in one call at most; auto: 8 on CUDA, else 1."""
        self._weights = weights
        self.network = weights.network
        self._sessions = sessions
        self._device = torch.device("cpu")

    @property
    def traits(self) -> ModelTraits:
        """See SessionModel."""
        return ModelTraits(name=self._weights.name, identity=self._weights.identity)

    @property
    def max_sessions(self) -> int:
        """See SessionModel."""
        if self._sessions == "auto":
            return _SESSIONS_ON_CUDA if self._device.type == "cuda" else 1
        return self._sessions

    def for_inference(self, device: torch.device) -> SamClickModel:
        """See SessionModel; it is `self`, moved."""
        self.network.to(device)
        self._device = device
        return self

    def prepare(self, image: Image) -> EncodedImage:
        """See SessionModel.

        Raises:
            ImageSizeError: SAM would shrink the image's short side to nothing.

        """
        self._check_size(image)
        # channels are named: the processor would guess them, wrongly for an image of three rows
        encoding = self._weights.image_processor(
            images=np.require(image, requirements=["C", "W"]),
            input_data_format="channels_last",
            return_tensors="pt",
        )
        pixels: Tensor = encoding["pixel_values"]
        height, width = pixels.shape[-2:]
        filled = encoding["reshaped_input_sizes"][0].tolist() if self._weights.is_padded else (height, width)
        embeddings = self.network.get_image_embeddings(pixels.to(self._device))
        return EncodedImage(
            (embeddings,) if isinstance(embeddings, Tensor) else tuple(embeddings),
            SamFrame(
                (image.shape[0], image.shape[1]),
                (filled[0], filled[1]),
                (height, width),
                self._weights.is_padded,
            ),
        )

    def begin(self, image: Image, shared: Any) -> SamSession:
        """See SessionModel."""
        assert isinstance(shared, EncodedImage), "what `prepare` returned"
        return SamSession(shared)

    def predict(self, turns: Sequence[SessionTurn]) -> list[npt.NDArray[np.float32]]:
        """See SessionModel.

        A call of the network takes turns of as many clicks: padding points are tokens like others and would change
        the answer.
        """
        alike: defaultdict[tuple[int, bool], list[int]] = defaultdict(list)
        for index, turn in enumerate(turns):
            alike[len(turn.clicks), turn.state.logits is None].append(index)
        probs: dict[int, npt.NDArray[np.float32]] = {}
        for (_, is_first), indices in alike.items():
            rows = self._predict_alike([turns[index] for index in indices], is_first)
            probs.update(zip(indices, rows, strict=True))
        return [probs[index] for index in range(len(turns))]

    def _predict_alike(self, turns: Sequence[SessionTurn], is_first: bool) -> list[npt.NDArray[np.float32]]:
        sessions: list[SamSession] = [turn.state for turn in turns]
        output = self.network(
            image_embeddings=_stacked_embeddings(sessions),
            input_points=self._points(turns),
            input_labels=self._labels(turns),
            input_masks=None if is_first else _stacked_logits(sessions),
            multimask_output=is_first,
        )
        best = output.iou_scores[:, 0].argmax(dim=-1)  # (B,)
        logits = output.pred_masks[torch.arange(len(turns), device=best.device), 0, best]  # (B, h, w)
        for session, row in zip(sessions, logits, strict=True):
            session.logits = row[None, None].clone()
        return [_probabilities(session) for session in sessions]

    def _points(self, turns: Sequence[SessionTurn]) -> Tensor:
        """(B, 1, N, 2), (x, y)."""
        points = torch.stack([turn.state.image.frame.points(turn.clicks) for turn in turns])
        return points[:, None].to(self._device)

    def _labels(self, turns: Sequence[SessionTurn]) -> Tensor:
        """(B, 1, N) int64, 1 for the object and 0 for the background."""
        labels = [[[int(click.is_foreground) for click in turn.clicks]] for turn in turns]
        return torch.tensor(labels, dtype=torch.int64, device=self._device)

    def _check_size(self, image: Image) -> None:
        height, width = image.shape[:2]
        side = self._weights.image_processor.size["longest_edge"] if self._weights.is_padded else None
        if side is not None and min(height, width) * side < 0.5 * max(height, width):
            raise ImageSizeError(
                f"image of {height}x{width} pixels: SAM scales its longest side to {side} and would leave nothing of "
                "the other; cut it into pieces"
            )


def sam(weights: str = "", /, **options: str) -> SamClickModel:
    """A SAM model of `transformers` as a click model.

    Args:
        weights: a folder that `save_pretrained` wrote, or a name on the hub ("owner/name").
        options: `sessions`, how many objects may go through the model at once: a number, or `auto` (8 on CUDA, else 1).

    Raises:
        ModelError: no weights are named, an unknown option, no `transformers`, or another architecture.
        WeightsError: a folder that cannot be read; see `read_sam_weights`.
    """
    if not weights:
        raise ModelError("sam needs weights: --model sam:/path/to/folder, or sam:OWNER/NAME of the hub")
    unknown = sorted(set(options) - {"sessions"})
    if unknown:
        raise ModelError(f"sam: no option {unknown[0]!r}; there is one, sessions=NUMBER")
    sessions = _sessions(options.get("sessions", "auto"))
    return SamClickModel(read_sam_weights(weights), sessions)


def _sessions(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise ModelError(f"sam: sessions={text}: must be a whole number from 1 on, or auto")
    return int(text)


def _stacked_embeddings(sessions: Sequence[SamSession]) -> Tensor | list[Tensor]:
    """Each map (B, C, h, w); SAM has one and takes it bare."""
    levels = zip(*(session.image.embeddings for session in sessions), strict=True)
    stacked = [torch.cat(maps) for maps in levels]
    return stacked[0] if len(stacked) == 1 else stacked


def _stacked_logits(sessions: Sequence[SamSession]) -> Tensor:
    """(B, 1, h, w)."""
    return torch.cat([session.logits for session in sessions if session.logits is not None])


def _probabilities(session: SamSession) -> npt.NDArray[np.float32]:
    assert session.logits is not None
    prob = session.image.frame.image_logits(session.logits)[0, 0].sigmoid()
    return np.asarray(prob.cpu().numpy(), dtype=np.float32)
