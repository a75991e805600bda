"""The array type of the analysis, and the one error that says what the data cannot answer."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class CannotSayError(ValueError):
    """The ratings at hand cannot answer this question. The message says why, for the reader of the report."""
