"""`mfp certify`: a random audit of a run, a certificate, and the rest as a review queue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from actors.specs.certify import CertifySpec
from infra import rle
from infra.errors import RunDirectoryError
from infra.runs.reviews import Imported, ObjectName, Review, ReviewMask, Reviews, Verdict
from infra.runs.run_directory import RunDirectory
from mfp.promise import Promise
from pipelines.errors import OptionError
from pipelines.inputs.audit import AuditedMask, audited
from pipelines.jobs.certify import Certificate, Certification, run_certify
from pipelines.views.certify import certification_lines
from tests.infra.rows import commit_rows, mask_row
from tests.pipelines.clicked_runs import begin
from tests.pipelines.scored_runs import scored_run

PROMISE = Promise(min_iou=0.7, share=0.9)


MASK = ReviewMask(
    height=1,
    width=1,
    rle=rle.encode(np.ones((1, 1), np.bool_)),
    origin=Imported("labels.json", "coco"),
)


def decision(
    verdict: str, reviewer: str = "Ann", iou: float | None = None, name: ObjectName = ("a", "1")
) -> Review:
    has_mask = verdict in ("corrected", "added")
    return Review(
        shard="s0.tar",
        sample_key=name[0],
        object_id=name[1],
        verdict=Verdict(verdict),
        reviewer=reviewer,
        time=datetime(2026, 1, 1, tzinfo=UTC),
        decision=f"{name} {verdict}",
        attempt="a",
        mask=MASK if has_mask else None,
        iou=iou,
    )


def review(run: RunDirectory, names: Sequence[ObjectName], verdict: str, reviewer: str = "Ann") -> None:
    reviews = Reviews(run)
    for name in names:
        reviews.put(decision(verdict, reviewer, name=name), after=0)


def certify(run: RunDirectory, size: int = 100) -> Certification:
    return run_certify(CertifySpec(run=run.url, promise=PROMISE, audit=size))


def certificate_of(found: Certification) -> Certificate:
    assert found.certificate is not None
    return found.certificate


@pytest.fixture
def with_truth(tmp_path: Path) -> RunDirectory:
    return scored_run(str(tmp_path / "run"))


@pytest.fixture
def without_truth(tmp_path: Path) -> RunDirectory:
    return scored_run(str(tmp_path / "run"), has_truth=False)


def test_an_audit_that_has_truth_certifies_at_once(with_truth: RunDirectory) -> None:
    found = certify(with_truth)
    certificate = certificate_of(found)
    assert (certificate.num_masks, certificate.audit_size) == (300, 100)
    assert certificate.certified is not None
    masks = with_truth.read_masks(["quality", "iou"]).to_pandas()
    of = masks[masks["quality"] >= certificate.certified.min_quality]
    assert len(of) == certificate.num_certified
    assert (of["iou"] >= 0.7).mean() >= 0.9, "it holds here, where all is known"
    assert certificate.reviewers == {"truth": 100}
    written = json.loads(Path(with_truth.url, "certify", "certificate.json").read_text())
    assert written["certified"]["num_masks"] == certificate.num_certified
    assert written["promise"] == {"min_iou": 0.7, "share": 0.9, "confidence": 0.95}
    assert written["dataset_fingerprint"] == "f" * 64
    lines = "\n".join(certification_lines(found))
    assert "with confidence 0.95, at least 0.9 of them have IoU >= 0.7" in lines
    assert "what this does not promise:" in lines


def test_every_mask_is_certified_or_reviewed_or_has_a_place_in_the_queue(with_truth: RunDirectory) -> None:
    found = certify(with_truth)
    rows = pq.read_table(Path(with_truth.url, "certify", "masks.parquet")).to_pandas()
    assert rows["is_audited"].sum() == 100
    assert rows["is_certified"].sum() == certificate_of(found).num_certified
    queue = rows[rows["review_rank"].notna()].sort_values("review_rank")
    assert len(queue) == found.num_queued == 300 - certificate_of(found).num_certified
    assert not queue["is_certified"].any()
    assert list(queue["review_rank"]) == list(range(len(queue)))
    assert queue["quality"].is_monotonic_increasing


def test_a_run_without_truth_waits_until_all_drawn_masks_are_reviewed(without_truth: RunDirectory) -> None:
    waiting = certify(without_truth)
    assert waiting.certificate is None
    assert len(waiting.missing) == len(set(waiting.missing)) == 100
    assert "100 of the 100 masks of the audit are neither reviewed nor have truth" in next(
        iter(certification_lines(waiting))
    )
    review(without_truth, waiting.missing[:-1], "accepted")
    assert certify(without_truth).missing == waiting.missing[-1:]
    assert not Path(without_truth.url, "certify", "certificate.json").exists()
    review(without_truth, waiting.missing[-1:], "accepted")
    reviewed = certify(without_truth)
    assert certificate_of(reviewed).num_certified == 300, "all of the audit is good"
    assert certificate_of(reviewed).reviewers == {"Ann": 100}
    assert certificate_of(reviewed).audit_found == {"accepted": 100}
    assert reviewed.num_queued == 0


def test_a_certificate_says_how_many_masks_were_reviewed_before_it_was_known_which_are_drawn(
    without_truth: RunDirectory,
) -> None:
    names = [(f"image {image}", "0") for image in range(100)]
    review(without_truth, names, "accepted")
    audit = certify(without_truth).audit
    known = len({*names} & {*audit.drawn})
    assert 10 < known < 60
    assert audit.reviewed_before == known
    review(without_truth, [name for name in audit.drawn if name not in names], "accepted")
    found = certify(without_truth)
    assert certificate_of(found).reviewed_before == known
    assert f"{known} of them were reviewed before the audit was drawn" in "\n".join(
        certification_lines(found)
    )


def test_a_review_that_is_taken_back_takes_the_certificate_with_it(without_truth: RunDirectory) -> None:
    drawn = certify(without_truth).audit.drawn
    review(without_truth, drawn, "accepted")
    certify(without_truth)
    file = Path(without_truth.url, "certify", "certificate.json")
    assert file.exists()
    Reviews(without_truth).put(decision("withdrawn", name=drawn[7]), after=1)
    assert certify(without_truth).missing == (drawn[7],)
    assert not file.exists()


def test_a_review_of_a_mask_that_was_labelled_again_since_does_not_count(without_truth: RunDirectory) -> None:
    drawn = certify(without_truth).audit.drawn
    review(without_truth, drawn[1:], "accepted")
    Reviews(without_truth).put(replace(decision("accepted", name=drawn[0]), attempt="before"), after=0)
    assert certify(without_truth).missing == (drawn[0],)
    Reviews(without_truth).put(decision("rejected", name=drawn[0]), after=1)
    assert certificate_of(certify(without_truth)).num_bad == 1


def test_what_is_promised_is_shown_as_it_is_and_not_rounded_up(with_truth: RunDirectory) -> None:
    promise = Promise(min_iou=0.1234567, share=0.0999999, confidence=0.999999)
    found = run_certify(CertifySpec(run=with_truth.url, promise=promise, audit=100))
    lines = "\n".join(certification_lines(found))
    assert "with confidence 0.999999, at least 0.0999999 of them have IoU >= 0.1234567" in lines
    closer = replace(promise, confidence=0.9999991)
    with pytest.raises(OptionError, match=r"--confidence 0\.9999991: .* was drawn for 0\.999999, and"):
        run_certify(CertifySpec(run=with_truth.url, promise=closer, audit=100))


def test_masks_that_were_reviewed_leave_the_queue(without_truth: RunDirectory) -> None:
    drawn = certify(without_truth).audit.drawn
    review(without_truth, drawn, "rejected", "Bob")
    found = certify(without_truth)
    assert certificate_of(found).certified is None
    assert certificate_of(found).num_bad == 100
    assert found.num_queued == 200
    assert "NOTHING CERTIFIED" in next(iter(certification_lines(found)))


@pytest.mark.parametrize(
    ("decided", "iou", "expected"),
    [
        (decision("accepted"), 0.2, AuditedMask(True, "accepted", "Ann")),
        (decision("rejected"), 0.9, AuditedMask(False, "rejected", "Ann")),
        (decision("corrected", "Bob", 0.85), 0.1, AuditedMask(True, "corrected", "Bob")),
        (decision("corrected", "Bob", 0.849), None, AuditedMask(False, "corrected", "Bob")),
        (decision("added"), 0.9, AuditedMask(True, "truth", "truth")),
        (None, 0.85, AuditedMask(True, "truth", "truth")),
        (None, 0.84, AuditedMask(False, "truth", "truth")),
        (None, None, None),
    ],
)
def test_what_an_audit_says_of_a_mask(
    decided: Review | None, iou: float | None, expected: AuditedMask | None
) -> None:
    reviews = {} if decided is None else {("a", "1"): decided}
    assert audited(("a", "1"), iou, reviews, 0.85) == expected


def test_the_same_seed_draws_the_same_masks_and_a_larger_audit_holds_a_smaller_one(tmp_path: Path) -> None:
    def drawn(name: str, size: int, seed: int = 0) -> tuple[ObjectName, ...]:
        run = scored_run(str(tmp_path / name))
        return run_certify(CertifySpec(run=run.url, audit=size, seed=seed)).audit.drawn

    small, large, other = drawn("a", 50), drawn("b", 80), drawn("c", 50, seed=1)
    assert large[:50] == small
    assert set(other) != set(small)
    assert drawn("d", 10_000) == drawn("e", 300), "no more than there are"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"audit": 120}, r"--audit 120: the audit of .* was drawn for 100"),
        ({"seed": 3}, "--seed 3: .* was drawn for 0"),
        ({"promise": Promise(min_iou=0.5, share=0.9)}, r"--min-iou 0\.5: .* was drawn for 0\.7"),
        (
            {"promise": Promise(min_iou=0.7, share=0.8)},
            r"--share 0\.8: .* drawn for 0\.9, .* cannot be promised",
        ),
    ],
)
def test_what_is_asked_after_a_look_at_the_audit_is_refused(
    spec: dict[str, object], said: str, with_truth: RunDirectory
) -> None:
    first = certify(with_truth)
    asked: dict[str, object] = {"run": with_truth.url, "promise": PROMISE, "audit": 100} | spec
    with pytest.raises(OptionError, match=said):
        run_certify(CertifySpec(**asked))  # type: ignore[arg-type]
    assert certificate_of(certify(with_truth)).certified == certificate_of(first).certified


def test_an_audit_that_can_show_nothing_is_refused_before_it_is_drawn(with_truth: RunDirectory) -> None:
    with pytest.raises(
        OptionError, match=r"--audit 10: shows nothing of 300 masks, .* give 27 or more, or promise"
    ):
        certify(with_truth, size=10)
    assert not with_truth.storage.exists(f"{with_truth.url}/certify/audit.json")
    assert certify(with_truth, size=27).audit.size == 27


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    run = scored_run(str(tmp_path / "run"), num_shards=2)
    with pytest.raises(RunDirectoryError, match="is unfinished: 1 of 2 shards; a certificate"):
        certify(run)


def test_a_run_whose_masks_have_changed_since_the_draw_is_refused(tmp_path: Path) -> None:
    run = scored_run(str(tmp_path / "run"))
    certify(run)
    commit_rows(run, "s1.tar", "a", [mask_row("later", "0", num_clicks=0)], [])
    with pytest.raises(RunDirectoryError, match="its masks are others than those"):
        certify(run)


def test_masks_that_no_network_has_seen_are_not_drawn_and_come_first_in_the_queue(tmp_path: Path) -> None:
    run = scored_run(str(tmp_path / "run"), num_shards=2)
    unseen = replace(mask_row("unseen", "0", shard="s1.tar", num_clicks=0), quality=None)
    commit_rows(run, "s1.tar", "a", [unseen], [])
    found = certify(run, size=1_000)
    assert certificate_of(found).without_quality == 1
    assert ("unseen", "0") not in found.audit.drawn
    rows = pq.read_table(Path(run.url, "certify", "masks.parquet")).to_pylist()
    assert [row["sample_key"] for row in rows if row["review_rank"] == 0] == ["unseen"]


def test_a_run_without_any_quality_has_nothing_to_certify(tmp_path: Path) -> None:
    run = begin(str(tmp_path / "run"))
    commit_rows(run, "s0.tar", "a", [replace(mask_row("a", "0", num_clicks=0), quality=None)], [])
    with pytest.raises(OptionError, match="no mask with a quality: there is nothing to certify"):
        certify(run)
