"""`make bench`: runs every benchmark, and writes what came out into docs/performance.md and as JSON.

python -m tests.performance_page OUT [NAME ...]; with names only those benchmarks are run, and the page is left alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import boto3

from infra.strict_json import from_bytes
from pipelines.benchmarks.result import BenchResult
from pipelines.views.bench import cost_line, fact_line, groups, machine_line, milliseconds, ratio
from tests.moto_server import moto_server

PAGE: Final = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN: Final = "<!-- the figures: make bench writes them -->"
END: Final = "<!-- end of the figures -->"
BUCKET: Final = "bench"

CALLS: Final = (
    "engine --model lite0 --objects 2 --clicks 6 --profile",
    "engine --model vit_tiny --objects 2 --clicks 6 --profile",
    "engine --model resnet34 --objects 1 --clicks 2 --repeats 2",
    "sequential --model lite0 --objects 4 --clicks 5",
    "sequential --model vit_tiny --objects 4 --clicks 4",
    "sequential --model hrnet18 --objects 2 --clicks 2 --repeats 2",
    "sequential --model resnet34 --objects 2 --clicks 2 --repeats 2",
    "sequential --model lite0 --objects 4 --clicks 5 --precision bf16",
    "sequential --model resnet34 --objects 2 --clicks 2 --repeats 2 --precision bf16",
    "sequential --model vit_b --objects 2 --clicks 1 --repeats 2",
    f"pipeline --model lite0 --objects 100 --clicks 1 --threads 1 --repeats 1 --at s3://{BUCKET}/pipeline",
    f"pipeline --model lite0 --objects 10 --clicks 3 --repeats 1 --at s3://{BUCKET}/pipeline",
    "train --model lite0 --objects 64 --repeats 2",
    f"pieces --objects 16 --repeats 5 --at s3://{BUCKET}/pieces",
)
"""What is measured: `mfp bench` with each of these, some twenty minutes of an idle machine of two cores in all."""


def main(out: Path, names: list[str]) -> None:
    """Run the benchmarks, print each result when it is there, and write the page."""
    out.mkdir(parents=True, exist_ok=True)
    calls = [call for call in CALLS if not names or call.split()[0] in names]
    with s3(out / "moto.txt"):
        results = [(call, bench(call, out / f"{number:02d}.json")) for number, call in enumerate(calls)]
    if not names:
        PAGE.write_text(page_with_figures(PAGE.read_text(), figures(results)))
        sys.stdout.write(f"written: {PAGE}, {out}/*.json\n")


def bench(call: str, out: Path) -> BenchResult:
    """The figures of one call of `mfp bench`, in a process of its own."""
    started = time.monotonic()
    sys.stdout.write(f"\nmfp bench {call}\n")
    sys.stdout.flush()
    command = [sys.executable, "-m", "pipelines", "bench", *call.split(), "--out", str(out)]
    subprocess.run(command, check=True)
    sys.stdout.write(f"({time.monotonic() - started:.0f} s)\n")
    return from_bytes(BenchResult, out.read_bytes())


def figures(results: list[tuple[str, BenchResult]]) -> str:
    """The results as Markdown."""
    return "\n".join(
        [machine_line(results[0][1].machine), "", *(section(call, result) for call, result in results)]
    )


def section(call: str, result: BenchResult) -> str:
    """One call: its table, its other figures, and its largest costs if there is a profile."""
    rows = [
        [group, line.what, milliseconds(line), ratio(line), line.note]
        for group, lines in groups(result.lines)
        for line in lines
    ]
    columns = ["", "way", f"ms a {result.unit}", result.ratio, ""]
    has_groups = any(row[0] for row in rows)
    table = [row if has_groups else row[1:] for row in (columns, ["---"] * len(columns), *rows)]
    in_table = tuple(f", {line.what}" for line in result.lines)  # a fact about one way is in its note
    below = [fact_line(fact) for fact in result.facts if not fact.what.endswith(in_table)]
    below += [cost_line(cost) for cost in result.costs[:3]]
    lines = [
        f"`mfp bench {call}`",
        "",
        *(f"| {' | '.join(row)} |" for row in table),
        "",
        *(f"- {line}" for line in (*below, *result.remarks)),
        "",
    ]
    return "\n".join(lines)


def page_with_figures(page: str, text: str) -> str:
    """The page with other figures. ValueError if its markers are not there once."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"the page needs {BEGIN!r} and {END!r}, each once and in this order")
    return f"{before}{begin}\n\n{text}\n{end}{after}"


@contextmanager
def s3(log: Path) -> Iterator[None]:
    """A moto server with a bucket; the AWS variables of this process point to it inside the block."""
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with moto_server(log) as url:
        os.environ["AWS_ENDPOINT_URL"] = url
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        yield


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
