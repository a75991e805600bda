"""Comparisons as people read them: aligned Markdown, LaTeX for a paper, CSV with every number."""

import csv
import io
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

from bench.analysis.compare import Comparison, PictureDifference
from bench.analysis.paired import ALPHA, DRAWS, smallest_p
from bench.metric import METRICS
from bench.reports.latex_table import escape
from sr_models.data.image import write_bytes

_HEADS = ("set", "metric", "a − b", "n", "difference", "95 % CI", "win/tie/loss", "sign p", "Wilcoxon p",
          "Holm p", "differs")  # fmt: skip
_LEFT = 3  # columns of words; the rest are numbers
_FURTHEST = 3


def write_comparisons(comparisons: Sequence[Comparison], folder: Path, stem: str, seed: int) -> list[Path]:
    """Write STEM.md, .tex, .csv and STEM_pictures.csv below the folder and return the files."""
    texts = {
        f"{stem}.md": markdown(comparisons, seed),
        f"{stem}.tex": latex(comparisons, seed),
        f"{stem}.csv": _csv(comparisons),
        f"{stem}_pictures.csv": _pictures_csv(comparisons),
    }
    for name, text in texts.items():
        write_bytes(folder / name, text.encode())
    return [folder / name for name in texts]


def markdown(comparisons: Sequence[Comparison], seed: int) -> str:
    """Return a table for each protocol, the pictures that differ most, and what was tested."""
    return "\n".join(_section(list(group), seed) for _, group in groupby(comparisons, key=_table_of))


def latex(comparisons: Sequence[Comparison], seed: int) -> str:
    r"""Return tabulars for `\input`, one for each protocol; they need the package booktabs."""
    return "\n".join(_tabular(list(group), seed) for _, group in groupby(comparisons, key=_table_of))


def p_text(p: float) -> str:
    """Return a p value with the digits that mean something: 0.0625, or < .0001."""
    return "<.0001" if p < 0.0001 else f"{p:.4f}"


def _table_of(comparison: Comparison) -> tuple[int, str, str]:
    column = comparison.column
    return column.scale, column.lr, column.protocol


def _section(comparisons: list[Comparison], seed: int) -> str:
    scale, lr, protocol = _table_of(comparisons[0])
    rows = _aligned([_HEADS, *(_row(comparison) for comparison in comparisons)])
    one_pair = len({(c.a, c.b) for c in comparisons}) == 1
    most = [f"- {_where(c) if one_pair else _short(c)}: {_furthest(c)}" for c in comparisons if _furthest(c)]
    parts = [f"### {protocol}, x{scale}, LR: {lr}", "", *rows, ""]
    parts += ["Where they differ most:", "", *most, ""] if most else []
    return "\n".join([*parts, *(f"- {note}" for note in notes(comparisons, seed)), ""])


def _row(comparison: Comparison) -> tuple[str, ...]:
    c, metric = comparison, comparison.column.metric
    interval = "n/a"
    if c.low is not None and c.high is not None:
        interval = (
            f"[{METRICS[metric].printed_difference(c.low)}, {METRICS[metric].printed_difference(c.high)}]"
        )
    return (
        c.column.dataset,
        METRICS[metric].heading,
        f"{c.a} − {c.b}",
        str(c.n),
        "n/a" if c.difference is None else METRICS[metric].printed_difference(c.difference),
        interval,
        f"{c.wins}/{c.ties}/{c.losses}",
        p_text(c.p_sign),
        p_text(c.p_wilcoxon),
        p_text(c.p_holm),
        c.verdict,
    )


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(2, *(len(row[place]) for row in rows)) for place in range(len(_HEADS))]  # `-:` at least
    rule = ["-" * width if place < _LEFT else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
    head, *body = (
        [
            cell.ljust(width) if place < _LEFT else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    )
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *body)]


def _short(comparison: Comparison) -> str:
    return f"{_where(comparison)}, {comparison.a} − {comparison.b}"


def _where(comparison: Comparison) -> str:
    return f"{comparison.column.dataset} {METRICS[comparison.column.metric].heading}"


def _furthest(comparison: Comparison) -> str:
    metric = comparison.column.metric
    return ", ".join(
        f"{picture.name} {METRICS[metric].printed_difference(picture.difference)}"
        for picture in comparison.pictures[:_FURTHEST]
        if picture.difference
    )


def notes(comparisons: Sequence[Comparison], seed: int) -> list[str]:
    """Return what was tested and how, and what the tests cannot say."""
    metrics = dict.fromkeys(c.column.metric for c in comparisons)
    pairs = sorted({c.family for c in comparisons})
    counted = f"{pairs[0]} to {pairs[-1]}" if len(pairs) > 1 else str(pairs[0])
    return [
        "difference: mean over pictures of a − b; win: a is the better one on a picture; "
        f"interval: studentised bootstrap over pictures, {DRAWS} draws, seed {seed}",
        "tests: two-sided over pictures, exact (ties by mid-ranks, zeros dropped); Holm p: Wilcoxon's, "
        f"corrected over the {counted} pair{'s' if pairs != [1] else ''} of each set, protocol and metric; "
        f"differs: Holm p < {ALPHA:.2f}".replace("0.05", ".05"),
        *(f"{m}: {METRICS[m].direction}" for m in metrics if METRICS[m].direction != "higher is better"),
        *_limits(comparisons),
        *_left_out(comparisons),
    ]


def _limits(comparisons: Sequence[Comparison]) -> list[str]:
    lines = []
    for c in comparisons:
        if c.verdict != "cannot":
            continue
        corrected = f", after Holm over {c.family} pairs below {p_text(c.smallest_p_holm)}"
        lines.append(
            f"{c.column.dataset}: with n = {c.n} no p can go below {p_text(smallest_p(c.n))}"
            f"{corrected if c.family > 1 else ''}: it cannot be significant at .05, whatever the difference"
        )
    return list(dict.fromkeys(lines))


def _left_out(comparisons: Sequence[Comparison]) -> list[str]:
    lines = []
    for c in comparisons:
        for model, other, names in ((c.a, c.b, c.only_a), (c.b, c.a, c.only_b)):
            if names:
                shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
                lines.append(f"{_short(c)}: {len(names)} left out, {model} has them, {other} not ({shown})")
        if c.n_infinite:
            lines.append(
                f"{_short(c)}: {c.n_infinite} infinite differences (identical pictures) count in the tests, "
                "not in the mean"
            )
    return list(dict.fromkeys(lines))


def _tabular(comparisons: list[Comparison], seed: int) -> str:
    scale, lr, protocol = _table_of(comparisons[0])
    lines = [f"% {protocol}, x{scale}, LR: {lr}", *(f"% {note}" for note in notes(comparisons, seed))]
    lines += [rf"\begin{{tabular}}{{{'l' * _LEFT}{'r' * (len(_HEADS) - _LEFT)}}}", r"\toprule"]
    rows = [_HEADS, *(_with_minus_signs(_row(comparison)) for comparison in comparisons)]
    head, *body = (" & ".join(escape(cell) for cell in row) + r" \\" for row in rows)
    return "\n".join([*lines, head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}", ""])


def _with_minus_signs(row: tuple[str, ...]) -> tuple[str, ...]:
    """A hyphen in a number would be printed as one; names keep theirs."""
    return (*row[:_LEFT], *(cell.replace("-", "−") for cell in row[_LEFT:]))


_CELLS: dict[str, Callable[[Comparison], object]] = {
    "a": lambda c: c.a,
    "b": lambda c: c.b,
    "dataset": lambda c: c.column.dataset,
    "scale": lambda c: c.column.scale,
    "lr": lambda c: c.column.lr,
    "protocol": lambda c: c.column.protocol,
    "metric": lambda c: c.column.metric,
    "n": lambda c: c.n,
    "difference": lambda c: c.difference,
    "ci_low": lambda c: c.low,
    "ci_high": lambda c: c.high,
    "infinite": lambda c: c.n_infinite,
    "wins": lambda c: c.wins,
    "ties": lambda c: c.ties,
    "losses": lambda c: c.losses,
    "p_sign": lambda c: c.p_sign,
    "p_wilcoxon": lambda c: c.p_wilcoxon,
    "p_holm": lambda c: c.p_holm,
    "pairs": lambda c: c.family,
    "smallest_p_holm": lambda c: c.smallest_p_holm,
    "differs": lambda c: c.verdict,
    "only_a": lambda c: len(c.only_a),
    "only_b": lambda c: len(c.only_b),
}


def facts_of(comparison: Comparison) -> dict[str, object]:
    """Return every number of a comparison, by the name of its column in the CSV."""
    return {name: cell(comparison) for name, cell in _CELLS.items()}


def _csv(comparisons: Sequence[Comparison]) -> str:
    return _written(list(_CELLS), [[cell(c) for cell in _CELLS.values()] for c in comparisons])


def _pictures_csv(comparisons: Sequence[Comparison]) -> str:
    head = ["a", "b", "dataset", "scale", "lr", "protocol", "metric"]
    rows = [
        [*(_CELLS[name](c) for name in head), *_picture_cells(picture)]
        for c in comparisons
        for picture in c.pictures
    ]
    return _written([*head, "image", "name", "value_a", "value_b", "difference"], rows)


def _picture_cells(picture: PictureDifference) -> list[object]:
    return [picture.image, picture.name, picture.value_a, picture.value_b, picture.difference]


def _written(head: list[str], rows: list[list[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([repr(cell) if isinstance(cell, float) else cell for cell in row] for row in rows)
    return text.getvalue()
