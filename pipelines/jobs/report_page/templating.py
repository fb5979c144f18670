"""What all pages share: their templates' environment. What comes of data is escaped."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

import jinja2

from mfp.bootstrap import Interval

_NO_BREAK = "\N{NO-BREAK SPACE}"


def environment(functions: Iterable[Callable[..., Any]]) -> jinja2.Environment:
    """The environment of a page whose templates call these functions by their names."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipelines.jobs.report_page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update({function.__name__: function for function in functions})
    environment.filters.update(
        count=lambda number: f"{number:,}",
        fixed=lambda number, decimals: f"{number:.{decimals}f}",
        signed=lambda number, decimals: f"{number:+.{decimals}f}",
        percent=lambda share: f"{share:.1%}",
        signed_percent=lambda share: f"{share:+.1%}",
        rate=lambda number: f"{number:,.2f}",
        seconds=lambda number: f"{number:,.1f}{_NO_BREAK}s",
        interval=_interval,
        data_uri=lambda png: f"data:image/png;base64,{base64.b64encode(png).decode()}",
    )
    return environment


def _interval(interval: Interval, decimals: int, sign: str = "") -> str:
    return f"{interval.low:{sign}.{decimals}f} to{_NO_BREAK}{interval.high:{sign}.{decimals}f}"
