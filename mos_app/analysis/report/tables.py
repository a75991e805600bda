"""Tables as people read them: intervals beside their value, p as papers print it, a dash for what is not
there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

from bench.palette import label_of

MISSING = "–"


@dataclass(frozen=True)
class Table:
    """One table of the analysis, with its numbers as they are."""

    name: str
    """File name without its ending."""
    title: str
    caption: str
    frame: pd.DataFrame

    def shown(self) -> pd.DataFrame:
        """Return the table as text, for readers; the numbers themselves are in `frame`."""
        return _as_text(self.frame)


_HEADS = {
    "dataset": "set",
    "mos": "MOS",
    "dmos": "DMOS",
    "sd": "SD",
    "t": "95 % CI (t)",
    "boot": "95 % CI (bootstrap)",
    "p_holm": "p (Holm)",
    "p_wilcoxon_ratings": "p Wilcoxon, all ratings (paper's)",
    "p_wilcoxon_pictures": "p Wilcoxon, pictures",
    "srocc": "SROCC",
    "krocc": "KROCC",
    "plcc": "PLCC",
    "rmse": "RMSE",
    "icc": "ICC",
    "bt500_rejected": "BT.500",
    "p913_rejected": "P.913",
    "ml_bias": "bias (P.910 E)",
    "bt500_outlying": "BT.500 outlying",
    "bt500_one_sidedness": "BT.500 one-sidedness",
    "p913_outlying": "P.913 outlying",
    "p913_one_sidedness": "P.913 one-sidedness",
    "method_picture": "var method × picture",
    "method_rater": "var method × rater",
    "residual": "var residual",
    "smallest": "smallest difference found",
}
_METHODS = {"method", "a", "b"}


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    columns: dict[str, list[str]] = {}
    for name in frame.columns.astype(str):
        stem = name.removesuffix("_low")
        if name.endswith("_low") and stem not in frame.columns:  # an interval of its own: t_low, t_high
            columns[_head(stem)] = _intervals(frame, stem)
        elif not name.endswith(("_low", "_high")):
            values = [_text(name, value) for value in frame[name]]
            bounded = f"{name}_low" in frame.columns
            columns[_head(name)] = _beside(values, _intervals(frame, name)) if bounded else values
    return pd.DataFrame(columns)


def _head(name: str) -> str:
    return _HEADS.get(name, name.replace("_", " "))


def _intervals(frame: pd.DataFrame, stem: str) -> list[str]:
    bounds = zip(frame[f"{stem}_low"], frame[f"{stem}_high"], strict=True)
    return [MISSING if pd.isna(low) else f"[{low:.2f}, {high:.2f}]" for low, high in bounds]


def _beside(values: list[str], intervals: list[str]) -> list[str]:
    pairs = zip(values, intervals, strict=True)
    return [value if interval == MISSING else f"{value} {interval}" for value, interval in pairs]


def _text(name: str, value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "rejected" if value else "kept"
    if isinstance(value, str):
        return (label_of(value) if name in _METHODS else value) or MISSING
    if not isinstance(value, int | float | np.integer | np.floating) or np.isnan(value):
        return MISSING
    if isinstance(value, int | np.integer):
        return str(value)
    if name == "p" or name.startswith("p_"):
        return p_text(float(value))
    return f"{value:.1f}" if name == "df" else f"{value:.3f}" if name in _THREE else f"{value:.2f}"


_THREE = {
    "value",
    "low",
    "high",
    "srocc",
    "krocc",
    "plcc",
    "rmse",
    "correlation",
    "method_picture",
    "method_rater",
    "residual",
    "icc",
}


def p_text(p: float) -> str:
    """Return p with three decimals, `<.001` below them."""
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def to_csv(table: Table) -> str:
    """Return every number at full precision, an empty field for what is not there."""
    return table.frame.to_csv(index=False, lineterminator="\n")


def to_markdown(table: Table) -> str:
    """Return a pipe table under its title."""
    shown = table.shown()
    rows = [list(shown.columns), ["---"] * len(shown.columns), *shown.to_numpy().tolist()]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([f"**{table.title}.** {table.caption}", "", *lines, ""])


def to_latex(table: Table) -> str:
    """Return a booktabs tabular in a table float."""
    shown = table.shown()
    rows = [" & ".join(_tex(cell) for cell in row) + r" \\" for row in shown.to_numpy().tolist()]
    head = " & ".join(_tex(name) for name in shown.columns) + r" \\"
    columns = "".join("l" if _is_text(shown[name]) else "r" for name in shown.columns)
    begin = [r"\begin{table}", r"\centering", rf"\caption{{{_tex(table.title)}. {_tex(table.caption)}}}"]
    body = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *rows, r"\bottomrule"]
    return "\n".join([*begin, *body, r"\end{tabular}", r"\end{table}", ""])


_TEX = {c: rf"\{c}" for c in "&%_#${}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "×": r"$\times$",
    "²": r"$^2$",
    "−": "$-$",
    "–": "--",
}


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)


def to_html(table: Table) -> str:
    """Return a table element with its caption; cells of text to the left, numbers to the right."""
    shown = table.shown()
    kinds = ["text" if _is_text(shown[name]) else "number" for name in shown.columns]
    head = "".join(
        f'<th class="{k}" scope="col">{escape(c)}</th>' for k, c in zip(kinds, shown.columns, strict=True)
    )
    rows = shown.to_numpy().tolist()
    starts = [i > 0 and row[0] != rows[i - 1][0] and shown.columns[0] == "set" for i, row in enumerate(rows)]
    body = "".join(_html_row(row, kinds, start) for row, start in zip(rows, starts, strict=True))
    caption = f"<caption><b>{escape(table.title)}.</b> {escape(table.caption)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>\n"


def _html_row(row: list[str], kinds: list[str], starts_group: bool) -> str:
    cells = "".join(f'<td class="{kind}">{escape(cell)}</td>' for kind, cell in zip(kinds, row, strict=True))
    return f'<tr class="group">{cells}</tr>' if starts_group else f"<tr>{cells}</tr>"


def _is_text(column: pd.Series) -> bool:
    return bool(column.str.contains(r"[A-Za-z]{2}", regex=True).any())


FORMATS: dict[str, Callable[[Table], str]] = {
    "csv": to_csv,
    "md": to_markdown,
    "tex": to_latex,
    "html": to_html,
}
