"""A clone of the `isegm` family from outside: the few calls that all of its repositories share."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from actors.click_models.foreign_code import has_module, import_from_clone, unpickling
from actors.click_models.foreign_errors import one_line, told_in_one_line
from actors.click_models.isegm_options import AUTHORS, IsegmOptions, Off, ZoomSize, zoom_words
from actors.click_models.numpy_names import restore_missing_names
from mfp.errors import ModelError, WeightsError

logger = logging.getLogger(__name__)

PACKAGE = "isegm"
_MODES = "NoBRS, f-BRS-A, f-BRS-B, f-BRS-C, RGB-BRS, DistMap-BRS, FocalClick, CDNet, Baseline, EMC-Click"
_POSITIONS = "isegm.model.modeling.pos_embed"


@dataclass(frozen=True)
class IsegmClone:
    """The calls of an imported clone.

    Attributes:
        root: its folder.
        load_is_model: (path, device, ...) -> a network; of a checkpoint with several: (the first, all of them).
        get_predictor: (network, mode, device, ...) -> an object that holds one session.
        clicker, click: make a list of clicks, and a click from (is_positive=, coords=(y, x)).
    """

    root: Path
    load_is_model: Callable[..., Any]
    get_predictor: Callable[..., Any]
    clicker: Callable[[], Any]
    click: Callable[..., Any]

    @classmethod
    def at(cls, folder: str) -> IsegmClone:
        """Import a clone.

        Raises:
            ModelError: there is none, it cannot be imported, or this process holds another.

        """
        root = Path(folder).expanduser().resolve()
        if not (root / PACKAGE).is_dir():
            raise ModelError(
                f"{folder}: there is no folder {PACKAGE} in it; name the root of a clone of the {PACKAGE} family"
            )
        restore_missing_names()
        utils, predictors, clicker = import_from_clone(
            root, ["isegm.inference.utils", "isegm.inference.predictors", "isegm.inference.clicker"]
        )
        with told_in_one_line(ModelError, f"{folder}: it is no clone of the {PACKAGE} family", PACKAGE):
            return cls(root, utils.load_is_model, predictors.get_predictor, clicker.Clicker, clicker.Click)

    def zoom_size(self, options: IsegmOptions) -> ZoomSize | Off:
        """The zoom of the options, or that of the authors' scripts: 400; transformers 448x448, EMC-Click 384."""
        if options.zoom != AUTHORS:
            return options.zoom
        if options.mode == "EMC-Click":
            return 384
        if "eval_ritm" in _words_of(self.load_is_model) and not options.eval_ritm:
            return 448, 448
        return 400

    def load(self, options: IsegmOptions) -> Any:
        """Load the checkpoint of the options to the CPU, and log how many of its tensors the network took.

        Raises:
            ModelError: there is no such file, or a package is missing.
            WeightsError: the clone cannot load it, or no tensor fits.

        """
        checkpoint = options.checkpoint
        if not checkpoint.is_file():
            raise WeightsError(f"checkpoint {checkpoint}: there is no such file; correct the path")
        known = _words_of(self.load_is_model)
        if options.eval_ritm and "eval_ritm" not in known:
            raise ModelError(f"isegm option eval_ritm=on: {self.root} has no such switch; leave it out")
        words = {"eval_ritm": options.eval_ritm} if "eval_ritm" in known else {}
        failure = f"checkpoint {checkpoint}: {self.root} cannot load it"
        with told_in_one_line(WeightsError, failure, PACKAGE), unpickling(checkpoint) as read:
            net = self.load_is_model(str(checkpoint), torch.device("cpu"), **words)
        _log_tensors(checkpoint, read, nets_of(net))
        self._fit_positions(net, self.zoom_size(options), options)
        return net

    def _fit_positions(self, net: Any, zoom: ZoomSize | Off, options: IsegmOptions) -> None:
        """Do as the authors' scripts: fit a transformer's position embeddings to the size of the zoom."""
        if options.eval_ritm or not isinstance(zoom, tuple) or not has_module(_POSITIONS):
            return
        (positions,) = import_from_clone(self.root, [_POSITIONS])
        fit = getattr(positions, "interpolate_pos_embed_inference", None)
        for each in nets_of(net):
            if fit is not None and hasattr(getattr(each, "backbone", None), "pos_embed"):
                with told_in_one_line(ModelError, f"isegm option zoom={zoom[0]}x{zoom[1]}", PACKAGE):
                    fit(each.backbone, zoom, torch.device("cpu"))

    def new_predictor(self, net: Any, options: IsegmOptions, device: torch.device) -> Any:
        """A predictor for one session, as the authors' scripts make theirs.

        Raises:
            ModelError: the clone does not know the mode or an option, or refuses them.

        """
        known = _words_of(self.get_predictor)
        words: dict[str, Any] = {}
        for name, word, value in (
            ("flip", "with_flip", options.flip),
            ("infer_size", "infer_size", options.infer_size),
            ("focus_crop_r", "focus_crop_r", options.focus_crop_r),
        ):
            if value == AUTHORS:
                continue
            if word not in known:
                raise ModelError(
                    f"isegm option {name}: {self.root} has no {word} in its get_predictor; leave it out"
                )
            words[word] = value
        zoom = self.zoom_size(options)
        try:
            return self.get_predictor(
                net,
                options.mode,
                device,
                prob_thresh=options.threshold,
                zoom_in_params=zoom_words(zoom, options.skip_clicks),
                **words,
            )
        except Exception as error:  # code of others raises what it likes
            size = f"{zoom[0]}x{zoom[1]}" if isinstance(zoom, tuple) else zoom
            raise ModelError(
                f"isegm option mode={options.mode}: {self.root} makes no predictor of it with zoom={size} "
                f"({one_line(error)}); give the mode its README names for the checkpoint (the family has {_MODES})"
            ) from error


def nets_of(net: Any) -> list[nn.Module]:
    """The networks in what `load_is_model` returns."""
    if isinstance(net, tuple):
        first, others = net
        return [first, *others]
    return [net]


def _words_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


def _log_tensors(checkpoint: Path, read: list[Any], nets: list[nn.Module]) -> None:
    """The clones load without a word about keys that do not fit."""
    loaded = {key for state in _state_dicts(read) for key in state}
    wanted = {key for net in nets for key in net.state_dict()}
    unknown, missing = sorted(loaded - wanted), sorted(wanted - loaded)
    if not loaded & wanted:
        raise WeightsError(
            f"checkpoint {checkpoint}: the network has none of its {len(loaded)} tensors; "
            "name a checkpoint that was trained with this clone"
        )
    logger.log(
        logging.WARNING if unknown or missing else logging.INFO,
        "checkpoint %s: %d tensors loaded, %d unknown%s, %d missing%s",
        checkpoint.name,
        len(loaded & wanted),
        len(unknown),
        _examples(unknown),
        len(missing),
        _examples(missing),
    )


def _state_dicts(read: list[Any]) -> Iterator[Mapping[str, Any]]:
    """Checkpoints are tensors by key, a dict that has those as `state_dict`, or a list of such dicts."""
    for content in read:
        for part in content if isinstance(content, list) else [content]:
            if isinstance(part, Mapping):
                yield part.get("state_dict", part)


def _examples(keys: list[str]) -> str:
    return f" ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})" if keys else ""
