"""What `mfp certify` has come to, for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infra.storage.files import join
from mfp.promise import Promise
from pipelines.jobs.certify import AUDIT_FILE, CERTIFY_FOLDER, MASKS_FILE, Certificate, Certification

_MOST_NAMED = 3


def certification_lines(found: Certification) -> Iterator[str]:
    """The promise and what it rests on; or which masks are to be reviewed first."""
    if found.certificate is None:
        yield from _waiting(found)
    else:
        yield from _certified(found.certificate)
        yield ""
        yield (
            f"review queue: {found.num_queued:,} masks, review_rank in "
            f"{join(found.run_url, CERTIFY_FOLDER, MASKS_FILE)}"
        )


def _waiting(found: Certification) -> Iterator[str]:
    drawn, missing = len(found.audit.drawn), len(found.missing)
    named = ", ".join(f"{object_id!r} of {key!r}" for key, object_id in found.missing[:_MOST_NAMED])
    yield (
        f"{missing:,} of the {drawn:,} masks of the audit are neither reviewed nor have truth: {named}"
        f"{', ...' if missing > _MOST_NAMED else ''}"
    )
    yield f"all that were drawn: {join(found.run_url, CERTIFY_FOLDER, AUDIT_FILE)}"
    yield (
        f"review them in the audit order with seed {found.audit.seed}, each whatever it looks like, then give this "
        "command again"
    )


def _certified(certificate: Certificate) -> Iterator[str]:
    one, promise = certificate.certified, certificate.promise
    if one is None:
        yield f"NOTHING CERTIFIED: the audit shows of no set of masks that {_in_words(promise)}"
    else:
        yield (
            f"certified: {one.num_masks:,} of {certificate.num_masks:,} masks "
            f"({one.num_masks / certificate.num_masks:.0%}), those with quality >= {one.min_quality!r}"
        )
        yield f"with confidence {promise.confidence!r}, {_in_words(promise)}"
        yield f"shown by {one.num_audited:,} audited masks among them, {one.num_bad:,} bad (p {one.p_value:.2g})"
    yield (
        f"audit: {certificate.audit_size:,} masks, {certificate.num_bad:,} bad; {_counts(certificate.audit_found)}; "
        f"reviewed by {_counts(certificate.reviewers)}"
    )
    if certificate.reviewed_before:
        yield (
            f"{certificate.reviewed_before:,} of them were reviewed before the audit was drawn: it counts if the "
            "promise was not chosen by what they showed"
        )
    yield f"run {certificate.run}, model {', '.join(certificate.model_ids)}, {certificate.created}"
    yield "what this does not promise:"
    yield from (f"  - {line}" for line in certificate.not_promised)


def _in_words(promise: Promise) -> str:
    return f"at least {promise.share!r} of them have IoU >= {promise.min_iou!r}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
