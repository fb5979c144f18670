"""How many sessions an engine keeps in flight, and how many of them go through its model at once."""

from __future__ import annotations

from dataclasses import dataclass

_SESSIONS_PER_BATCH_ROW_ON_CUDA = 4
"""Sessions in flight for each that a batch of crops takes. Two batches are away at a time; the others wait for one of
their crop size. Networks that keep the aspect ratio see some ten sizes, and fewer sessions would leave each of them one
or two."""

_BATCHES_AWAY_ON_CUDA = 2
"""The device runs one while the host clicks for the sessions of the other. A third would only wait behind them, and its
answers would hold memory."""


_PIXELS_PER_PLACE = 2**23
"""Image pixels that a place in the engine stands for: a session holds some 6 bytes for each, and its image 3."""


@dataclass(frozen=True)
class Places:
    """How many sessions may be in flight, for a batch size.

    Attributes:
        batch_size: most sessions in one pass where the model and the device allow as many.
        places_per_batch_row: sessions in flight for each of them.
        max_sessions_per_pass: what the model and the device allow.
        max_batches_away: batches that may be launched before the first of them is collected; 1 where the device is the
            host itself.
    """

    batch_size: int
    places_per_batch_row: int
    max_sessions_per_pass: int
    max_batches_away: int = 1

    @staticmethod
    def of_crops(batch_size: int, *, is_on_cpu: bool) -> Places:
        """For a model of crops: whole batches on CUDA, two of them away at a time; one session a pass on a CPU.

        There the last bit of the kernels depends on the number of rows, and more rows cost time: eight rows of lite0 at
        once take half as long again as in pairs, a session with its mirror image (`mfp bench pieces`). The number of
        threads changes that bit too: a caller who wants the same bits everywhere gives each process the same number.
        """
        return (
            Places(batch_size, 1, 1)
            if is_on_cpu
            else Places(batch_size, _SESSIONS_PER_BATCH_ROW_ON_CUDA, batch_size, _BATCHES_AWAY_ON_CUDA)
        )

    @staticmethod
    def of_sessions(batch_size: int, max_sessions: int) -> Places:
        """For a model of whole sessions, which says itself how many it takes at once."""
        return Places(batch_size, 1, max_sessions)

    @property
    def num_places(self) -> int:
        """Sessions in flight, if their images are not too large for that."""
        return self.batch_size * self.places_per_batch_row

    @property
    def max_pixels(self) -> int:
        """Image pixels of all sessions in flight; a larger one runs alone."""
        return self.num_places * _PIXELS_PER_PLACE

    @property
    def sessions_per_pass(self) -> int:
        """How many of them go through the model at once."""
        return min(self.batch_size, self.max_sessions_per_pass)
