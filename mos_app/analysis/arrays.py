"""The array type of the analysis, and the one error that says what the data cannot answer."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class CannotSayError(ValueError):
    """The ratings at hand cannot answer this question. The message says why, for the reader of the report."""


def rows_of(table: pd.DataFrame) -> list[Any]:
    """Return the rows as named tuples; their fields are as untyped as the columns of a table are."""
    return list(table.itertuples())
