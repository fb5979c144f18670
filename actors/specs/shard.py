"""All that a conversion of images and masks into shards is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge, Interval
from typing_extensions import Doc

from actors.specs.label import StorageSection
from actors.specs.marks import LOCATION, MAIN_PANEL, Argument, Option, Section
from infra.layout_options import LayoutName, LayoutOptions
from infra.storage.locations import expand_home
from infra.storage.options import StorageOptions


@dataclass(frozen=True, kw_only=True)
class ShardSpec:
    """One run of `mfp shard`: a source in a known layout becomes tar shards and a `dataset.json`."""

    source: Annotated[str, Argument("SOURCE"), LOCATION, Doc("Folder or URL with images and masks.")]
    destination: Annotated[str, Argument("DATASET"), LOCATION, Doc("Folder or URL to write the shards to.")]
    layout: Annotated[LayoutName, Doc("How SOURCE is laid out.")]
    samples_per_shard: Annotated[
        int, Ge(1), Doc("Images in a shard: what a worker takes, and redoes, at a time.")
    ] = 500
    reading: Annotated[
        LayoutOptions,
        Section(
            "What files mean",
            options={
                "split": Option(panel=MAIN_PANEL, shown_default="everything"),
                "object_values": Option(shown_default="all but 0"),
                "mask_values": Option(shown_default="as usual in the layout"),
                "ignore_value": Option(shown_default="as usual in the layout"),
                "white": Option(shown_default="by the depth of the values"),
            },
        ),
    ] = LayoutOptions()
    preview: Annotated[
        int,
        Interval(ge=0, le=400),
        Doc("Draw N samples with their masks as preview.png beside the shards. Look at it before you go on."),
    ] = 0
    storage: StorageSection = StorageOptions()

    def resolved(self) -> ShardSpec:
        """The same with the home folder for `~`. StorageError if there is no such folder."""
        return replace(
            self,
            source=expand_home(self.source),
            destination=expand_home(self.destination),
            reading=self.reading
            if self.reading.split is None
            else replace(self.reading, split=expand_home(self.reading.split)),
        )
