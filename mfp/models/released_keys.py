"""From the tensor names of released checkpoints to ours. Only names and shapes are known here, no files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

_SHOWN_GROUPS = 12
BATCH_COUNTER = ".num_batches_tracked"  # of batch norms; nothing here reads it


@dataclass(frozen=True)
class KeyRules:
    """How one released architecture names its tensors.

    Attributes:
        renames: (pattern of the beginning of a released name, our text for it); the first fit counts.
        dropped: beginnings of released names that no step of the network ever uses.
        reshapes: our name -> what makes our tensor of the released one.
    """

    renames: tuple[tuple[str, str], ...]
    dropped: tuple[str, ...]
    reshapes: Mapping[str, Callable[[Tensor], Tensor]]

    def our_name(self, released: str) -> str | None:
        """Our name of a released tensor, or None if no rule fits."""
        for pattern, replacement in self.renames:
            if re.match(pattern, released):
                return re.sub(pattern, replacement, released, count=1)
        return None


@dataclass(frozen=True)
class RenamedWeights:
    """A released state dict under our names, and everything about it that does not fit.

    Attributes:
        tensors: our name -> tensor, those whose name and shape our network has.
        dropped: released names that no step uses.
        missing: our names without a released tensor.
        unexpected: released names without a place in our network.
        misshapen: our names whose released tensor has another shape, each as "name (4, 3), ours (4, 4)".
    """

    tensors: dict[str, Tensor]
    dropped: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """True if every tensor of our network is filled and nothing is left over."""
        return not (self.missing or self.unexpected or self.misshapen)

    def summary(self) -> str:
        """One line of counts, the misfits grouped by part of the network."""
        parts = [
            f"{len(self.tensors)} tensors loaded",
            f"{len(self.dropped)} unused ones left out",
            f"{len(self.missing)} missing{groups_of(self.missing)}",
            f"{len(self.unexpected)} unexpected{groups_of(self.unexpected)}",
        ]
        if self.misshapen:
            parts.append(f"{len(self.misshapen)} of another shape: {self.misshapen[0]}")
        return ", ".join(parts)


def rename_released(
    released: Mapping[str, Tensor], rules: KeyRules, ours: Mapping[str, Tensor]
) -> RenamedWeights:
    """Put released tensors under our names.

    Args:
        released: state dict of a released checkpoint.
        rules: of its architecture.
        ours: state dict of our network, for its names and shapes.

    Returns:
        What fits and what does not; nothing raises, since the caller knows whether a gap matters.
    """
    tensors: dict[str, Tensor] = {}
    dropped: list[str] = []
    unexpected: list[str] = []
    misshapen: list[str] = []
    for key, value in released.items():
        if key.startswith(rules.dropped):
            dropped.append(key)
            continue
        name = rules.our_name(key)
        if name is None or name not in ours:
            unexpected.append(key)
            continue
        tensor = rules.reshapes[name](value) if name in rules.reshapes else value
        if tensor.shape == ours[name].shape:
            tensors[name] = tensor
        else:
            misshapen.append(f"{name} {tuple(tensor.shape)}, ours {tuple(ours[name].shape)}")
            tensors.pop(name, None)
    for name, own in ours.items():
        if name.endswith(BATCH_COUNTER) and name not in tensors:  # files from before torch 0.4.1 have none
            tensors[name] = own.new_zeros(own.shape)
    found = tensors.keys() | {entry.split(" ", 1)[0] for entry in misshapen}
    missing = tuple(name for name in ours if name not in found)
    return RenamedWeights(tensors, tuple(dropped), missing, tuple(unexpected), tuple(misshapen))


def groups_of(names: Iterable[str]) -> str:
    """' (backbone.blocks: 12, head.merge: 2)', or nothing."""
    counts = Counter(".".join(name.split(".")[:2]) for name in names)
    shown = [f"{group}: {count}" for group, count in list(counts.items())[:_SHOWN_GROUPS]]
    if len(counts) > _SHOWN_GROUPS:
        shown.append(f"{len(counts) - _SHOWN_GROUPS} more groups")
    return " (" + ", ".join(shown) + ")" if counts else ""


_XCEPTION = (
    ("conv3x3_1", "depthwise1"),
    ("conv3x3_2", "depthwise2"),
    ("conv1x1", "pointwise"),
    (r"(norm\d)", r"\1"),
)


def _late_fusion_renames(released: str, ours: str) -> tuple[tuple[str, str], ...]:
    """Renames of a LateFusion; both arguments are the beginning of its names, a pattern and a plain text."""
    stems = tuple((rf"{released}conv_prevMod\.{i}\.conv\.", f"{ours}stem{i + 1}.") for i in range(2))
    blocks = (("conv_prevMod.2", "encode"), ("refine_fusion.0", "fuse1"), ("refine_fusion.1", "fuse2"))
    return stems + tuple(
        (rf"{released}{re.escape(theirs)}\.{part}\.", f"{ours}{block}.{our_part}.")
        for theirs, block in blocks
        for part, our_part in _XCEPTION
    )


def _without_class_row(table: Tensor) -> Tensor:
    """(1, 1 + tokens, C) -> (1, tokens, C): the first row belongs to the class token."""
    return table[:, 1:]


VIT_RULES = KeyRules(
    renames=(
        (r"patch_embed_coords\.", "coordinate_embed."),
        (r"backbone\.patch_embed\.", "backbone.image_embed."),
        (r"backbone\.pos_embed$", "backbone.position"),
        (r"backbone\.blocks\.", "backbone.blocks."),
        (r"neck\.down_(\d+)\.", r"pyramid.stride\1."),
        (r"head\.convs\.(\d)\.conv\.", r"head.laterals.\1."),
        (r"head\.fusion_conv\.conv\.", "head.merge."),
        (r"head\.conv_seg\.", "head.classify."),
        *_late_fusion_renames(r"head\.", "head.late_fusion."),
    ),
    dropped=(
        "backbone.cls_token",
        "backbone.fc_norm.",
        "backbone.head.",
        "head.up_conv1.",
        "head.up_conv2.",
    ),
    reshapes={"backbone.position": _without_class_row},
)

_COORDINATE_RENAMES = (
    (r"maps_transform\.0\.", "coordinates.mix."),
    (r"maps_transform\.2\.", "coordinates.down."),
    (r"maps_transform\.3\.scale$", "coordinates.scale"),
)


def _separable_renames(released: str, ours: str) -> tuple[tuple[str, str], ...]:
    """Renames of a SeparableConv; both arguments are the beginning of its names, a pattern and a replacement."""
    parts = ((0, "depthwise"), (1, "pointwise"), (2, "norm"))
    return tuple((rf"{released}body\.{index}\.", f"{ours}{part}.") for index, part in parts)


RESNET34_RULES = KeyRules(
    renames=(
        *_COORDINATE_RENAMES,
        (r"feature_extractor\.backbone\.", "backbone."),
        (r"feature_extractor\.skip_project\.skip_project\.", "decoder.skip."),
        (r"feature_extractor\.aspp\.concurent\.4\.gap\.", "decoder.aspp.convs.4."),
        (r"feature_extractor\.aspp\.concurent\.", "decoder.aspp.convs."),
        (r"feature_extractor\.aspp\.project\.", "decoder.aspp.project."),
        *_separable_renames(r"feature_extractor\.head\.block\.(\d)\.", r"decoder.join.\1."),
        (r"feature_extractor\.head\.block\.", "decoder.join."),
        *_separable_renames(r"head\.layers\.(\d)\.", r"head.\1."),
        (r"head\.layers\.", "head."),
        *_late_fusion_renames("", "late_fusion."),
    ),
    dropped=(),
    reshapes={},
)

_OCR = r"feature_extractor\.ocr_distri_head\."

HRNET18_RULES = KeyRules(
    renames=(
        *_COORDINATE_RENAMES,
        (r"feature_extractor\.((conv|bn|layer|transition|stage)\d\.)", r"backbone.\1"),
        (r"feature_extractor\.conv3x3_ocr\.", "object_context.narrow."),
        (rf"{_OCR}object_context_block\.f_(down|up)\.0\.", r"object_context.\1.0."),
        (rf"{_OCR}object_context_block\.f_(down|up)\.1\.0\.", r"object_context.\1.1."),
        (rf"{_OCR}conv_bn_dropout\.0\.", "object_context.join.0."),
        (rf"{_OCR}conv_bn_dropout\.1\.0\.", "object_context.join.1."),
        (r"feature_extractor\.cls_head\.", "head."),
        (r"feature_extractor\.aux_head\.", "aux_head."),
        *_late_fusion_renames("", "late_fusion."),
    ),
    # They feed a softmax over one region, which is 1 whatever they say.
    dropped=(
        "feature_extractor.ocr_distri_head.object_context_block.f_pixel.",
        "feature_extractor.ocr_distri_head.object_context_block.f_object.",
    ),
    reshapes={},
)
