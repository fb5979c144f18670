"""The plain vision transformer: patches, one position table, windowed and global attention."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_NUM_STAGES = 4


def global_blocks(depth: int) -> frozenset[int]:
    """Which blocks attend over the whole image: the last of each of two halves (depth 12) or four quarters.

    Args:
        depth: number of blocks, a multiple of 4.

    Returns:
        0-based indices: {5, 11} for depth 12, else every depth/4-th block (all of them for depth 4).
    """
    stride = 6 if depth == 12 else depth // _NUM_STAGES
    return frozenset(range(stride - 1, depth, stride))


def to_windows(grid: Tensor, side: int) -> Tensor:
    """Order tokens window by window, row-major twice: (B, Gh, Gw, C) -> (B, Gh * Gw, C)."""
    batch, rows, cols, channels = grid.shape
    tiles = grid.reshape(batch, rows // side, side, cols // side, side, channels)
    return tiles.transpose(2, 3).reshape(batch, rows * cols, channels)


def from_windows(tokens: Tensor, rows: int, cols: int, side: int) -> Tensor:
    """The inverse of to_windows: (B, Gh * Gw, C) -> (B, Gh, Gw, C)."""
    batch, _, channels = tokens.shape
    tiles = tokens.reshape(batch, rows // side, cols // side, side, side, channels)
    return tiles.transpose(2, 3).reshape(batch, rows, cols, channels)


def resized_table(table: Tensor, rows: int, cols: int) -> Tensor:
    """A square position table (1, side * side, C), resized bicubically: (1, C, rows, cols)."""
    side = math.isqrt(table.shape[1])
    square = table.transpose(1, 2).reshape(1, -1, side, side)
    if (rows, cols) == (side, side):
        return square
    return functional.interpolate(square, size=(rows, cols), mode="bicubic", align_corners=False)


def patch_embedding(in_channels: int, width: int, patch_size: int) -> nn.Module:
    """One token of `width` channels a patch: (B, in_channels, H, W) -> (B, width, H / patch, W / patch)."""
    # Imported here: timm takes seconds, which processes that build no network need not spend.
    from timm.layers.patch_embed import PatchEmbed

    embedding: nn.Module = PatchEmbed(
        img_size=None, patch_size=patch_size, in_chans=in_channels, embed_dim=width, flatten=False
    )
    return embedding


class ViTBackbone(nn.Module):
    """Image to one feature map at the stride of a patch; no class token, no final norm.

    Args:
        width: channels of a token.
        depth: number of blocks, a multiple of 4.
        num_heads: of attention.
        patch_size: in pixels.
        table_side: tokens along a side of the position table, as trained.
        window_side: tokens along a side of an attention window.
    """

    def __init__(
        self,
        *,
        width: int,
        depth: int,
        num_heads: int,
        patch_size: int,
        table_side: int,
        window_side: int,
    ) -> None:
        # Imported here: timm takes seconds, which processes that build no network need not spend.
        from timm.models.vision_transformer import Block

        super().__init__()
        self.window_side = window_side
        self.image_embed = patch_embedding(3, width, patch_size)
        self.position = nn.Parameter(torch.empty(1, table_side * table_side, width))
        nn.init.trunc_normal_(self.position, std=0.02)
        # timm's layer norm has the epsilon of the released networks, 1e-6, where torch's has 1e-5.
        self.blocks = nn.ModuleList(Block(width, num_heads, qkv_bias=True) for _ in range(depth))
        self.global_blocks = global_blocks(depth)

    @property
    def has_windows(self) -> bool:
        """False if every block is global, so that window borders do not matter."""
        return len(self.global_blocks) < len(self.blocks)

    def forward(self, image: Tensor, added: Tensor) -> Tensor:
        """Encode.

        Args:
            image: (B, 3, H, W), normalised; H and W are multiples of a patch, or of a window where used.
            added: (B, width, H / patch, W / patch), the embedded coordinate input, added to the embedded image.

        Returns:
            (B, width, H / patch, W / patch).
        """
        grid: Tensor = self.image_embed(image) + added  # (B, C, Gh, Gw)
        rows, cols = grid.shape[-2:]
        tokens = (grid + self._positions(rows, cols).to(grid.dtype)).permute(0, 2, 3, 1)  # (B, Gh, Gw, C)
        if not self.has_windows:
            return self._attend(tokens.flatten(1, 2)).transpose(1, 2).reshape(grid.shape)
        side = self.window_side
        # Global attention does not see the order of tokens: they stay in windows from first block to last.
        tokens = self._attend(to_windows(tokens, side))
        return from_windows(tokens, rows, cols, side).permute(0, 3, 1, 2)

    def _attend(self, tokens: Tensor) -> Tensor:
        """(B, T, C) in window order -> the same shape."""
        shape = tokens.shape
        for block_idx, block in enumerate(self.blocks):
            whole = block_idx in self.global_blocks
            tokens = tokens.reshape(shape if whole else (-1, self.window_side**2, shape[-1]))
            tokens = block(tokens)
        return tokens.reshape(shape)

    def _positions(self, rows: int, cols: int) -> Tensor:
        """(1, C, rows, cols), always from the trained table: resizing a resized one would drift with use."""
        return resized_table(self.position, rows, cols)
