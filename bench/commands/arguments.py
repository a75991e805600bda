"""Arguments and lines that several commands share."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.running.ratings import Joined

RESULTS = Path("results/bench")


def add_results(parser: argparse.ArgumentParser) -> None:
    """Add the folder of a finished run."""
    parser.add_argument(
        "results", nargs="?", type=Path, default=RESULTS, metavar="DIR", help=f"default: {RESULTS}"
    )


def add_weights(parser: argparse.ArgumentParser) -> None:
    """Add where metrics find their parameters."""
    parser.add_argument(
        "--weights-dir",
        type=Path,
        metavar="DIR",
        help="folder of parameter files that metrics need (torch's cache is searched, too)",
    )


def add_ratings(parser: argparse.ArgumentParser) -> None:
    """Add what people said of the pictures."""
    parser.add_argument(
        "--ratings",
        type=Path,
        metavar="PATH",
        help="MOS as one more metric: the folder of a `mos analyse`, or a CSV of picture, method, mos",
    )


def joined_lines(joined: "Joined") -> list[str]:
    """Return what became of the ratings."""
    lines = [f"mos: {joined.rows} rows from {joined.rated} rated versions"]
    if joined.unmatched:
        lines.append(f"note: not scored in this run, so not shown: {some(joined.unmatched)}")
    return lines


def some(names: Sequence[str]) -> str:
    """Return the first three names, and whether there are more."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def counted(n: int, noun: str) -> str:
    """Return a number of things: `1 shard`, `2 shards`."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def say(line: str) -> None:
    """Print a line beside the output: to stderr."""
    print(line, file=sys.stderr)
