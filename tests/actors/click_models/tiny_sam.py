"""Tiny SAM models with random weights, in folders as `save_pretrained` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

FAMILIES = ("sam", "sam2", "sam2_video", "sam3_tracker")

_DECODER = {"hidden_size": 32, "mlp_dim": 64, "num_attention_heads": 2, "iou_head_hidden_dim": 32}


def write_tiny_sam(family: str, folder: Path) -> Path:
    """Write a model and its processor; the same family gives the same weights."""
    import transformers

    build = {"sam": _sam, "sam2": _sam2, "sam2_video": _sam2_video, "sam3_tracker": _sam3_tracker}[family]
    network, processor = build(transformers)
    _strengthen(network)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _sam(transformers: Any) -> tuple[Any, Any]:
    network = transformers.SamModel(
        transformers.SamConfig(
            vision_config={
                "hidden_size": 32,
                "output_channels": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "image_size": 64,
                "patch_size": 8,
                "window_size": 4,
                "global_attn_indexes": [1],
                "num_pos_feats": 16,
                "mlp_dim": 64,
            },
            prompt_encoder_config=_prompts(image_size=64, patch_size=8),
            mask_decoder_config=_DECODER,
        )
    )
    image_processor = transformers.SamImageProcessor(
        size={"longest_edge": 64},
        pad_size={"height": 64, "width": 64},
        mask_size={"longest_edge": 32},
        mask_pad_size={"height": 32, "width": 32},
    )
    return network, transformers.SamProcessor(image_processor)


def _sam2(transformers: Any) -> tuple[Any, Any]:
    network = transformers.Sam2Model(transformers.Sam2Config(**_sam2_parts()))
    return network, transformers.Sam2Processor(transformers.Sam2ImageProcessor(**_sizes(64, 16)))


def _sam2_video(transformers: Any) -> tuple[Any, Any]:
    """As the released weights are stored: the image model with the memory of the video model around it."""
    network = transformers.Sam2VideoModel(
        transformers.Sam2VideoConfig(
            **_sam2_parts(),
            image_size=64,
            memory_attention_hidden_size=32,
            memory_attention_num_layers=1,
            memory_attention_feed_forward_hidden_size=64,
            memory_attention_rope_feat_sizes=[4, 4],
            memory_encoder_hidden_size=32,
            memory_encoder_output_channels=16,
            mask_downsampler_embed_dim=32,
            memory_fuser_embed_dim=32,
            memory_fuser_intermediate_dim=32,
        )
    )
    return network, transformers.Sam2Processor(transformers.Sam2ImageProcessor(**_sizes(64, 16)))


def _sam3_tracker(transformers: Any) -> tuple[Any, Any]:
    network = transformers.Sam3TrackerModel(
        transformers.Sam3TrackerConfig(
            vision_config={
                "model_type": "sam3_vision_model",
                "backbone_config": {
                    "model_type": "sam3_vit_model",
                    "hidden_size": 32,
                    "intermediate_size": 64,
                    "num_hidden_layers": 2,
                    "num_attention_heads": 2,
                    "image_size": 56,
                    "pretrain_image_size": 56,
                    "patch_size": 14,
                    "window_size": 2,
                    "global_attn_indexes": [1],
                },
                "fpn_hidden_size": 32,
                "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
            },
            prompt_encoder_config=_prompts(image_size=56, patch_size=14),
            mask_decoder_config=_DECODER,
        )
    )
    return network, transformers.Sam3TrackerProcessor(transformers.Sam3ImageProcessor(**_sizes(56, 16)))


def _sam2_parts() -> dict[str, dict[str, Any]]:
    return {
        "vision_config": {
            "model_type": "sam2_vision_model",
            "backbone_config": {
                "model_type": "sam2_hiera_det_model",
                "hidden_size": 16,
                "image_size": [64, 64],
                "blocks_per_stage": [1, 1, 2, 1],
                "embed_dim_per_stage": [16, 32, 64, 128],
                "num_attention_heads_per_stage": [1, 2, 4, 8],
                "window_size_per_stage": [8, 4, 4, 2],
                "global_attention_blocks": [3],
            },
            "backbone_channel_list": [128, 64, 32, 16],
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
            "fpn_hidden_size": 32,
        },
        "prompt_encoder_config": _prompts(image_size=64, patch_size=16),
        "mask_decoder_config": _DECODER,
    }


def _prompts(image_size: int, patch_size: int) -> dict[str, int]:
    return {
        "hidden_size": 32,
        "image_size": image_size,
        "patch_size": patch_size,
        "mask_input_channels": 8,
    }


def _sizes(image: int, mask: int) -> dict[str, dict[str, int]]:
    return {"size": {"height": image, "width": image}, "mask_size": {"height": mask, "width": mask}}


@torch.no_grad()
def _strengthen(network: Any) -> None:
    """Weights so large that image, clicks and the last mask all matter; the library's own give flat masks."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        noise = torch.randn(tensor.shape, generator=generator)
        if tensor.ndim > 1:
            tensor.copy_(noise if _is_embedding(name) else noise * tensor[0].numel() ** -0.5)
        elif name.endswith("bias"):
            tensor.copy_(0.2 * noise)


def _is_embedding(name: str) -> bool:
    """Tokens and positions, but not the convolutions that embed patches and masks."""
    return name.endswith(("embed.weight", "positional_embedding")) or "token" in name or "point_embed" in name
