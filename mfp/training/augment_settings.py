"""How far a training view may differ from its image."""

from __future__ import annotations

from dataclasses import dataclass

IGNORED = -1
"""The label of a pixel that is neither object nor background."""


@dataclass(frozen=True)
class AugmentSettings:
    """How far a view may differ from its image.

    The published ranges (training protocol of the ViT) are a resize by 0.75 to 1.25 and quarter turns in half of the
    views. Here the resize is wider, because zoom-in shows the network objects from 0.8 to 1.6 times their size in the
    image, and turns are rarer, because a small network has none to spare for pictures lying on their side. A part of
    the views is framed as zoom-in frames an object: the whole of it, with a margin.

    Attributes:
        crop_size: (height, width) of the view, pixels.
        zoom_probability: of a view framed around the object.
        zoom_margin: smallest and largest side of the frame, in longest sides of the object; drawn uniformly in its
            logarithm.
        smallest_frame: pixels of the image that a frame spans at least (zoom-in keeps to 200).
        resize: smallest and largest scale of the other views; drawn uniformly in its logarithm.
        turn_probability: of a rotation by 90, 180 or 270 degrees.
        geometry_probability: of a shift by up to 3 % and a rotation by up to 3 degrees.
        colour_probability: of each of brightness/contrast and RGB shift.
        smallest_object: views whose object has fewer pixels are drawn again, up to 5 times, and then framed closely.
    """

    crop_size: tuple[int, int] = (224, 224)
    zoom_probability: float = 0.5
    zoom_margin: tuple[float, float] = (1.1, 2.0)
    smallest_frame: int = 160
    resize: tuple[float, float] = (0.6, 1.5)
    turn_probability: float = 0.1
    geometry_probability: float = 0.75
    colour_probability: float = 0.75
    smallest_object: int = 80
