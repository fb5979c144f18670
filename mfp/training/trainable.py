"""What training needs of a network, whatever it is at inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, Self

from torch import Tensor, nn

from mfp.clicks import Click


class TrainableNetwork(Protocol):
    """A click network that learns. It is an `nn.Module`, which a protocol cannot say; some of its members stand here.

    Everywhere `image` is (B, 3, H, W) float, RGB in [0, 1], `prob` the previous map, (B, 1, H, W) in [0, 1], and
    `clicks` are B non-empty sequences in pixels of the crop.
    """

    def first_map(self, image: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        """(B, 1, H, W) float32 probabilities that stand in for the previous map of a first click; without gradient."""

    def forward_map(self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        """(B, 1, H, W) logits of one pass with a previous map."""

    def forward_training(
        self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]
    ) -> tuple[Tensor, Tensor | None]:
        """As forward_map, and beside it the (B, 1, H, W) logits of an auxiliary head if the network has one."""

    def train(self, mode: bool = True) -> Self:
        """See nn.Module."""

    def eval(self) -> Self:
        """See nn.Module."""

    def modules(self) -> Iterator[nn.Module]:
        """See nn.Module."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """See nn.Module."""
