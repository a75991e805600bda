"""LaTeX with booktabs: best in bold, second best underlined."""

from bench.analysis.board import Board
from bench.metric import METRICS
from bench.reports.cost_table import cost_table
from bench.reports.formats import report_format

_MARKS = {0: "{}", 1: r"\textbf{{{}}}", 2: r"\underline{{{}}}"}
_DIFFERS = r"\rlap{$^\dagger$}"  # takes no width: digits stay below digits
_SPECIAL = {
    "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "|": r"$|$", "^": r"\^{}", "~": r"\~{}",
    "−": "$-$", "<": "$<$",
}  # fmt: skip


@report_format("latex", suffix=".tex")
def latex(board: Board) -> str:
    r"""Return a tabular for `\input`; it needs the package booktabs."""
    n = len(board.metrics)
    columns = [(dataset, metric) for dataset in board.datasets for metric in board.metrics]
    groups = " & ".join(rf"\multicolumn{{{n}}}{{c}}{{{escape(dataset)}}}" for dataset in board.datasets)
    rules = "".join(rf"\cmidrule(lr){{{2 + n * i}-{1 + n * (i + 1)}}}" for i in range(len(board.datasets)))
    heads = " & ".join(escape(METRICS[metric].heading) for _, metric in columns)
    lines = [*(f"% {note}" for note in board.notes())]
    lines += [rf"\begin{{tabular}}{{l{'r' * len(columns)}}}", r"\toprule", rf"& {groups} \\", rules]
    lines += [rf"Model & {heads} \\", r"\midrule"]
    for model in board.models:
        cells = [
            _MARKS[cell.place].format(escape(cell.text)) + (_DIFFERS if cell.mark else "")
            for cell in (board.cell(model, *where) for where in columns)
        ]
        lines.append(rf"{escape(model)} & {' & '.join(cells)} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", "", *_costs(board)])


def _costs(board: Board) -> list[str]:
    if not board.costs:
        return []
    table = cost_table(board.costs)
    lines = [f"% {note}" for note in table.notes]
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(table.headings) - 1)}}}", r"\toprule"]
    lines += [rf"{' & '.join(escape(heading) for heading in table.headings)} \\", r"\midrule"]
    lines += [rf"{' & '.join(escape(cell) for cell in row)} \\" for row in table.rows]
    return [*lines, r"\bottomrule", r"\end{tabular}", ""]


def escape(text: str) -> str:
    """Return text with what LaTeX would take for commands escaped."""
    return "".join(_SPECIAL.get(character, character) for character in text)
