"""What `mfp shard` made of a source: what it read, how it understood it, what it left out, and what to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.errors import Reason
from infra.json_text import JsonValue
from infra.layouts.source_note import SourceNote, Topic
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.white_point import AS_TOLD

NUM_KEYS = 3  # of each line, enough to look one up


@dataclass(frozen=True)
class SummaryLine:
    """A remark and how many files, samples or entries it is about; `first_keys` are the first of them."""

    text: str
    count: int
    first_keys: tuple[str, ...]


@dataclass(frozen=True)
class QuarantineLine:
    """Why samples or objects were set aside: a reason, how many, and the first ones with what was said of them."""

    reason: Reason
    count: int
    first: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SourceSummary:
    """All that a source was made into; what was set aside stays in the shards, and every run reports it."""

    samples: int
    objects: int
    read: tuple[SummaryLine, ...]
    left_out: tuple[SummaryLine, ...]
    doubts: tuple[SummaryLine, ...]
    quarantined: tuple[QuarantineLine, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """Return the summary for programs."""
        return {
            "samples": self.samples,
            "objects": self.objects,
            "read": _lines_json(self.read),
            "left_out": _lines_json(self.left_out),
            "doubts": _lines_json(self.doubts),
            "quarantined": [
                {
                    "reason": line.reason.value,
                    "count": line.count,
                    "first": [{"key": key, "detail": detail} for key, detail in line.first],
                }
                for line in self.quarantined
            ],
        }


class SourceTally:
    """Counts what a reader yields; memory holds a line for each kind of remark."""

    def __init__(self) -> None:
        self.samples = 0
        self.objects = 0
        self._notes: dict[Topic, dict[str, tuple[int, list[str]]]] = {topic: {} for topic in Topic}
        self._reasons: dict[Reason, tuple[int, list[tuple[str, str]]]] = {}

    def add(self, item: Sample | QuarantinedSample | SourceNote) -> None:
        """Take one item."""
        if isinstance(item, Sample):
            self.samples += 1
            self.objects += len(item.objects)
        elif isinstance(item, SourceNote):
            count, keys = self._notes[item.topic].get(item.text, (0, []))
            if len(keys) < NUM_KEYS and item.key not in keys:
                keys.append(item.key)
            self._notes[item.topic][item.text] = (count + 1, keys)
        else:
            count, first = self._reasons.get(item.reason, (0, []))
            if len(first) < NUM_KEYS:
                key = item.key if item.object_id is None else f"{item.key} object {item.object_id}"
                first.append((key, item.detail))
            self._reasons[item.reason] = (count + 1, first)

    @property
    def has_deep_images(self) -> bool:
        """Whether an image had values of more than 8 bits, which were scaled."""
        return any(AS_TOLD in text for text in self._notes[Topic.READ])

    def refuse(self, sample: Sample, record: QuarantinedSample) -> None:
        """Take back a sample that could not be written, for the reason in `record`."""
        self.samples -= 1
        self.objects -= len(sample.objects)
        self.add(record)

    @property
    def num_quarantined(self) -> int:
        """Samples and objects that were set aside so far."""
        return sum(count for count, _ in self._reasons.values())

    def summary(self) -> SourceSummary:
        """Return what was counted, the most frequent first."""
        quarantined = [
            QuarantineLine(reason, count, tuple(first)) for reason, (count, first) in self._reasons.items()
        ]
        return SourceSummary(
            samples=self.samples,
            objects=self.objects,
            read=self._lines(Topic.READ),
            left_out=self._lines(Topic.LEFT_OUT),
            doubts=self._lines(Topic.DOUBT),
            quarantined=tuple(sorted(quarantined, key=lambda line: -line.count)),
        )

    def _lines(self, topic: Topic) -> tuple[SummaryLine, ...]:
        lines = [SummaryLine(text, count, tuple(keys)) for text, (count, keys) in self._notes[topic].items()]
        return tuple(sorted(lines, key=lambda line: -line.count))


def _lines_json(lines: Sequence[SummaryLine]) -> list[JsonValue]:
    return [{"text": line.text, "count": line.count, "first_keys": list(line.first_keys)} for line in lines]
