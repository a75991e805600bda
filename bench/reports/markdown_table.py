"""Markdown: best in bold, second best in italics."""

from bench.analysis.board import Board
from bench.metric import METRICS
from bench.reports.cost_table import cost_table
from bench.reports.formats import report_format

_MARKS = {0: "{}", 1: "**{}**", 2: "_{}_"}


@report_format("markdown", suffix=".md")
def markdown(board: Board) -> str:
    """Return a Markdown table with its notes."""
    columns = [(dataset, metric) for dataset in board.datasets for metric in board.metrics]
    heads = [f"{dataset} {METRICS[metric].heading}" for dataset, metric in columns]
    lines = [f"| model | {' | '.join(heads)} |", "|---|" + "---:|" * len(columns)]
    for model in board.models:
        cells = [
            _MARKS[cell.place].format(cell.text) + cell.mark
            for cell in (board.cell(model, *where) for where in columns)
        ]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    notes = [f"- {note}" for note in board.notes()]
    return "\n".join([f"### {board.protocol}, x{board.scale}", "", *lines, "", *notes, "", *_costs(board)])


def _costs(board: Board) -> list[str]:
    if not board.costs:
        return []
    table = cost_table(board.costs)
    lines = [f"| {' | '.join(table.headings)} |", "|---|" + "---:|" * (len(table.headings) - 1)]
    lines += [f"| {' | '.join(row)} |" for row in table.rows]
    return [*lines, "", *(f"- {note}" for note in table.notes), ""]
