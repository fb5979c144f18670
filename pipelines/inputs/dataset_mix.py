"""Data sets with their shares of a mix, as they are given on the command line."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from pipelines.errors import OptionError

_SHARE = re.compile(r"(?P<url>.*[^:/]):(?P<share>\d+(\.\d+)?)")


@dataclass(frozen=True)
class MixedDataset:
    """A data set as it was given; `share` None: no share was."""

    url: str
    share: float | None


def parse_mix(text: str) -> MixedDataset:
    """`s3://a:2` -> s3://a with share 2; `s3://a`, `http://host:9000/a`, `C:/a` have none.

    A number after the last colon is a share, unless that colon belongs to the host of a URL (`http://host:9000`).
    """
    found = _SHARE.fullmatch(text)
    if found is None:
        return MixedDataset(text, None)
    url, share = found["url"], float(found["share"])
    _, separator, path = url.partition("://")
    if text.startswith(("http://", "https://")) and separator and "/" not in path:
        return MixedDataset(text, None)
    if not 0 < share < math.inf:
        raise OptionError(
            f"{text[:80]!r}: the share of a data set must be above 0 and finite; leave the data set out instead"
        )
    return MixedDataset(url, share)
