"""CSV, one row a mean, with everything that the other formats leave out for space."""

import csv
import io

from bench.analysis.board import Board
from bench.reports.formats import report_format

_HEAD = (
    "model", "dataset", "scale", "lr", "protocol", "metric",
    "mean", "ci_low", "ci_high", "pictures", "infinite", "signature", "p_from_best",
)  # fmt: skip


@report_format("csv", suffix=".csv")
def comma_separated(board: Board) -> str:
    """Return the means with their 95 % t intervals over pictures, unrounded. p_from_best: see `Cell`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEAD)
    for (model, dataset, metric), cell in sorted(board.cells.items()):
        writer.writerow(
            (model, dataset, board.scale, board.lr, board.protocol, metric, repr(cell.mean), _repr(cell.low),
             _repr(cell.high), cell.n, cell.n_infinite, board.signatures[metric],
             _repr(cell.p_from_best))
        )  # fmt: skip
    return text.getvalue()


def _repr(value: float | None) -> str:
    return "" if value is None else repr(value)
