"""What the chapters' sentences share: intervals, p values, lists and counts in words."""

from typing import Any

import pandas as pd

from mos_app.analysis.report.tables import p_text


def interval_text(row: pd.Series) -> str:
    """Return the t interval of a row of MOS in brackets, '' where there is none."""
    return "" if pd.isna(row["t_low"]) else f" (95 % CI {row['t_low']:.2f} to {row['t_high']:.2f})"


def bounds_text(row: Any) -> str:
    """Return the interval of a coefficient in brackets, '' where there is none."""
    return "" if pd.isna(row["low"]) else f" (95 % CI {row['low']:.3f} to {row['high']:.3f})"


def equals_text(p: float) -> str:
    """Return '= .012' or '<.001'."""
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"


def listed(names: list[str]) -> str:
    """Return 'a, b and c'."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return '1 rater' or '26 raters'."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
