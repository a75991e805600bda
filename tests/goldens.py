"""Golden tables: committed in tests/golden; MATLAB's and the tools' beside the benchmark pictures."""

import csv
from collections.abc import Iterator
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def golden_rows(name: str | Path) -> Iterator[dict[str, str]]:
    """Rows of a golden table; lines that begin with # say who made it."""
    with (GOLDEN / name).open(newline="") as file:
        yield from csv.DictReader(line for line in file if not line.startswith("#"))
