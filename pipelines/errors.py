"""What a job refuses, and which exceptions of the lower rooms are a person's to put right."""

from __future__ import annotations

from tempfile import gettempdir


class PipelineError(Exception):
    """Base of the errors of this room; the message is one line that says what to do."""


class OptionError(PipelineError):
    """Options that do not go together, or that this data set or model cannot serve."""


class JobError(PipelineError):
    """A Ray cluster, or a job on it, that cannot be used as asked."""


class BenchError(PipelineError):
    """A benchmark whose processes or commands fail."""


class IncompleteRunError(PipelineError):
    """A labelling run with shards that were set aside, where what follows needs all of them."""


def persons_error(error: BaseException) -> str | None:
    """Return one line for an error that a person can put right, None for a defect: that gets its traceback.

    An exception that Ray carried over from a worker counts as the one that was raised there. A full disk may be that
    of the temporary files, which no storage has a name for.
    """
    from actors.errors import ActorsError
    from infra.errors import InfraError
    from infra.storage.storage_errors import explain, is_unusable
    from mfp.errors import MfpError

    raised = getattr(error, "cause", None) or error
    if isinstance(raised, OSError) and is_unusable(raised):
        return f"cannot write {raised.filename or f'temporary files in {gettempdir()}'}: {explain(raised)}"
    if not isinstance(raised, PipelineError | ActorsError | InfraError | MfpError):
        return None
    return " ".join(str(raised).split()) or type(raised).__name__
