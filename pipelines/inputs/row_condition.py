"""A condition on the columns of the masks table, in SQL."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from infra.runs.tables import MASKS
from pipelines.errors import OptionError

_CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "python_enable_replacements": False,
}  # no file, no Python variable


class RowCondition:
    """Masks of a quality, and with a condition that DuckDB understands. It reads no file and no network."""

    def __init__(self, min_quality: float, where: str) -> None:
        """OptionError if the condition is none on columns of the masks table."""
        self._min_quality = min_quality
        self._where = where
        self.passing(MASKS.empty())

    def passing(self, table: pa.Table) -> npt.NDArray[np.bool_]:
        """(num_rows,) bool: the rows for which the condition is true; an unknown value makes it false.

        OptionError if the condition says something else of the same rows when it is asked again.
        """
        passes = np.ones(table.num_rows, np.bool_)
        if self._min_quality > 0:
            quality = table["quality"].to_numpy()
            passes &= np.nan_to_num(quality.astype(np.float64), nan=-1.0) >= self._min_quality
        if not self._where:
            return passes
        meets = self._meeting(table)
        if (meets != self._meeting(table)).any():
            raise OptionError(
                f"--where {self._where!r}: it says one thing of a mask and then another; what it says may depend on "
                "the columns alone, so leave out random() and the like"
            )
        return passes & meets

    def _meeting(self, table: pa.Table) -> npt.NDArray[np.bool_]:
        import duckdb

        numbered = table.append_column("_row", pa.array(np.arange(table.num_rows)))
        with duckdb.connect(":memory:", config=_CLOSED) as connection:
            try:  # `filter` takes one expression and no statement
                found = connection.from_arrow(numbered).filter(self._where).select("_row").fetchnumpy()
            except duckdb.Error as error:
                raise OptionError(
                    f"--where {self._where!r}: {str(error).splitlines()[0]}; give a condition on "
                    f"{', '.join(MASKS.schema.names)}"
                ) from None
        meets = np.zeros(table.num_rows, np.bool_)
        meets[np.asarray(found["_row"], np.int64)] = True
        return meets
