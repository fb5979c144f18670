"""Which network a released state dict belongs to, and its configuration: from the tensors and the file's own words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from mfp.errors import WeightsError
from mfp.models.hrnet18 import HRNet18Config
from mfp.models.registry import NetworkConfig
from mfp.models.released_keys import HRNET18_RULES, RESNET34_RULES, VIT_RULES, KeyRules
from mfp.models.resnet34 import ResNet34Config
from mfp.models.vit import ViTConfig
from mfp.modulation import ModulationSettings
from mfp.network import BASELINE_CLICKS, ClickSettings

_HRNET_WIDTH = 18
_LARGEST_RADIUS = 1e5  # of anything in an image, pixels
_MOST_CLICKS = 10_000  # on an object
_CHANNELS_PER_HEAD = 64  # of ViT-B and ViT-L, where the file does not say


@dataclass(frozen=True)
class ReleasedNetwork:
    """A released network as one of ours.

    Attributes:
        title: what a person calls it.
        config: of our network.
        rules: from its tensor names to ours.
        unsaid: settings that the file says nothing of, with the published values that were taken: "N 7".
    """

    title: str
    config: NetworkConfig
    rules: KeyRules
    unsaid: tuple[str, ...]


class ReleasedParams:
    """`config.params` of a released checkpoint: {name: {"type", "value", "specified"}}, values may hold more names.

    Names are compared without case and underscores, since releases write them in several ways.
    """

    def __init__(self, params: object) -> None:
        self._values = dict(_flat(params)) if isinstance(params, Mapping) else {}
        self.unsaid: list[str] = []

    def number(self, names: tuple[str, ...], published: float, label: str) -> float:
        """The first of the names that there is; else the published value, which is noted as unsaid."""
        for name in names:
            value = self._values.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return float(value)
        self.unsaid.append(f"{label} {published:g}")
        return published

    def optional(self, name: str) -> int | None:
        """A whole number, or None if the file does not say."""
        value = self._values.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def released_network(state: Mapping[str, Tensor], params: object) -> ReleasedNetwork | None:
    """The network of a released state dict; None if it is none of this family.

    Args:
        state: tensors by released name.
        params: `config.params` of the checkpoint, or whatever stands in its place.

    Raises:
        WeightsError: a network of the family of a size that this release does not build.
    """
    given = ReleasedParams(params)
    if "patch_embed_coords.proj.weight" in state and "backbone.pos_embed" in state:
        return _vit(state, given)
    if "maps_transform.0.weight" not in state:
        return None
    if any(key.startswith("feature_extractor.stage4.") for key in state):
        return _hrnet(state, given)
    if any(key.startswith("feature_extractor.aspp.") for key in state):
        return _resnet(state, given)
    return None


def _vit(state: Mapping[str, Tensor], given: ReleasedParams) -> ReleasedNetwork:
    patch_weight = state["patch_embed_coords.proj.weight"]  # (width, coordinate channels, patch, patch)
    width, coordinate_channels, patch = patch_weight.shape[:3]
    late_fusion = any(key.startswith("head.conv_prevMod.") for key in state)
    tokens = state["backbone.pos_embed"].shape[1] - 1
    config = ViTConfig(
        width=width,
        depth=num_blocks(state, "backbone.blocks."),
        num_heads=given.optional("numheads") or heads_of_width(width),
        input_size=math.isqrt(tokens) * patch,
        patch_size=patch,
        pyramid_widths=(
            _rows(state, "neck.down_4.5.weight"),
            _rows(state, "neck.down_8.2.weight"),
            _rows(state, "neck.down_16.0.weight"),
            _rows(state, "neck.down_32.2.weight"),
        ),
        head_width=_rows(state, "head.fusion_conv.conv.weight"),
        clicks=_clicks(coordinate_channels, late_fusion, given),
        late_fusion=late_fusion,
    )
    title = "MFP ViT" if late_fusion else "SimpleClick ViT"
    return ReleasedNetwork(
        f"{title} (width {width}, depth {config.depth})", config, VIT_RULES, tuple(given.unsaid)
    )


def _hrnet(state: Mapping[str, Tensor], given: ReleasedParams) -> ReleasedNetwork:
    width = _rows(state, "feature_extractor.transition1.0.0.weight")
    if width != _HRNET_WIDTH:
        raise WeightsError(
            f"checkpoint of an HRNet of width {width}: this release builds width {_HRNET_WIDTH}"
        )
    clicks, late_fusion = _convolutional(state, given)
    config = HRNet18Config(
        ocr_channels=_rows(state, "feature_extractor.cls_head.weight", axis=1) // 2,
        clicks=clicks,
        late_fusion=late_fusion,
    )
    title = "MFP HRNet-18" if late_fusion else "RITM HRNet-18"
    return ReleasedNetwork(title, config, HRNET18_RULES, tuple(given.unsaid))


def _resnet(state: Mapping[str, Tensor], given: ReleasedParams) -> ReleasedNetwork:
    if "feature_extractor.backbone.layer1.0.conv3.weight" in state:
        raise WeightsError("checkpoint of a ResNet with bottleneck blocks: this release builds ResNet-34")
    clicks, late_fusion = _convolutional(state, given)
    config = ResNet34Config(
        decoder_channels=_rows(state, "feature_extractor.aspp.project.0.weight"),
        clicks=clicks,
        late_fusion=late_fusion,
    )
    title = "MFP ResNet-34" if late_fusion else "RITM ResNet-34"
    return ReleasedNetwork(title, config, RESNET34_RULES, tuple(given.unsaid))


def _convolutional(state: Mapping[str, Tensor], given: ReleasedParams) -> tuple[ClickSettings, bool]:
    late_fusion = any(key.startswith("conv_prevMod.") for key in state)
    return _clicks(state["maps_transform.0.weight"].shape[1], late_fusion, given), late_fusion


def _clicks(coordinate_channels: int, late_fusion: bool, given: ReleasedParams) -> ClickSettings:
    radius = _radius(given, ("normradius", "diskradius"), BASELINE_CLICKS.disk_radius, "disk radius")
    modulated_map = coordinate_channels == ClickSettings().num_coordinate_channels
    if not (modulated_map or late_fusion):
        return replace(BASELINE_CLICKS, disk_radius=radius)
    published = ModulationSettings("release")
    modulation = ModulationSettings(
        "release",
        _click_count(given.number(("n",), published.num_probability_clicks, "N")),
        _radius(given, ("rmax", "maxradius"), published.max_radius, "R_max"),
    )
    return ClickSettings(modulation, radius, modulated_map=modulated_map)


def _click_count(number: float) -> int:
    if not 0 <= number < _MOST_CLICKS or number != int(number):
        raise WeightsError(
            f"checkpoint with N {number:g}: must be a whole number of clicks below {_MOST_CLICKS:,}; mend config.params"
        )
    return int(number)


def _radius(given: ReleasedParams, names: tuple[str, ...], published: float, title: str) -> float:
    radius = given.number(names, published, title)
    if not 0 < radius < _LARGEST_RADIUS:
        raise WeightsError(
            f"checkpoint with a {title} of {radius:g} pixels: must be above 0 and below {_LARGEST_RADIUS:g}; mend "
            "config.params"
        )
    return radius


def num_blocks(state: Mapping[str, Tensor], prefix: str) -> int:
    """The number of transformer blocks in a state dict whose names begin with the prefix.

    Raises:
        WeightsError: there would be more than tensors.
    """
    found = (re.match(rf"{re.escape(prefix)}(\d+)\.", key) for key in state)
    number = 1 + max((int(match[1]) for match in found if match), default=-1)
    if number > len(state):
        raise WeightsError(
            f"checkpoint of {len(state)} tensors that numbers its blocks up to {number:,}: it is cut"
        )
    return number


def heads_of_width(width: int) -> int:
    """The number of attention heads of a ViT of that width, at 64 channels each.

    Raises:
        WeightsError: such heads do not fill the width.
    """
    if width % _CHANNELS_PER_HEAD:
        raise WeightsError(
            f"ViT of width {width} without its number of heads: heads have {_CHANNELS_PER_HEAD} channels where the "
            "file does not say; add num_heads to config.params"
        )
    return width // _CHANNELS_PER_HEAD


def _rows(state: Mapping[str, Tensor], name: str, axis: int = 0) -> int:
    if name not in state or state[name].ndim <= axis:
        raise WeightsError(f"released checkpoint without {name}: it is cut or of another release")
    return state[name].shape[axis]


def _flat(params: Mapping[Any, Any]) -> Iterator[tuple[str, object]]:
    """(name without case and underscores, value), those inside dictionaries included."""
    for name, entry in params.items():
        value = entry["value"] if isinstance(entry, Mapping) and "value" in entry else entry
        if isinstance(value, Mapping):
            yield from _flat(value)
        else:
            yield str(name).replace("_", "").lower(), value
