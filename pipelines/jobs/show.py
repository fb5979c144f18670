"""Film strips of the objects of a sample."""

from __future__ import annotations

from dataclasses import dataclass

from actors.specs.checked import checked
from actors.specs.reading import ShowSpec
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from infra.storage.locations import expand_home
from pipelines.jobs.film_strip import film_strip, in_words, png_of, why_no_maps
from pipelines.jobs.replay import Replayer

MOST_OBJECTS = 10


@dataclass(frozen=True)
class ShownObjects:
    """Film strips.

    Attributes:
        png: all of them, one below the other.
        lines: what each shows, in words, and why maps are missing if they are.
        num_left_out: objects of the sample that are not shown, because there are more than MOST_OBJECTS.
    """

    png: bytes
    lines: tuple[str, ...]
    num_left_out: int = 0


def run_show(spec: ShowSpec) -> ShownObjects:
    """Draw the film strip of an object, or of those of a sample, by clicking them again.

    Raises:
        OptionError: the run has no such sample or object, or was made from other data.
        SpecError: a value of the specification is none that its field allows.
        InfraError, MfpError: run or data set cannot be read.
    """
    spec = checked(ShowSpec, spec)
    storage = Storage(spec.storage)
    replayer = Replayer(RunDirectory(expand_home(spec.run), storage), trust_model_code=spec.trust_model_code)
    names = [(spec.key, spec.object_id)] if spec.object_id else replayer.objects_of(spec.key)
    replays = list(replayer.replay(names[:MOST_OBJECTS]))
    lines = [line for one in replays for line in (in_words(one), why_no_maps(one)) if line]
    return ShownObjects(
        png_of([film_strip(one) for one in replays]),
        tuple(dict.fromkeys(lines)),
        max(0, len(names) - MOST_OBJECTS),
    )
