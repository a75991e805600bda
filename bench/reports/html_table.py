"""HTML: one file that needs nothing else, light and dark; hover a number for its interval."""

from html import escape

from bench.analysis.board import Board
from bench.metric import METRICS
from bench.reports.cost_table import cost_table
from bench.reports.formats import report_format

_MARKS = {0: "{}", 1: "<strong>{}</strong>", 2: "<u>{}</u>"}
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
caption { text-align: left; font-weight: 600; padding-bottom: .5rem }
th, td { padding: .3rem .9rem; text-align: right; white-space: nowrap }
th[scope=row], thead th:first-child { text-align: left }
thead tr:last-child th { border-bottom: 1px solid }
tbody tr:hover { background: color-mix(in srgb, currentColor 8%, transparent) }
sup { position: absolute; line-height: 1 }
ul { padding-left: 1.2rem; opacity: .75; font-size: .85rem; overflow-wrap: anywhere }
"""


@report_format("html", suffix=".html")
def html(board: Board) -> str:
    """Return a page with the table and its notes."""
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(_title(board))}</title>\n'
        f"<style>{_STYLE}</style>\n{fragment(board)}</html>\n"
    )


def fragment(board: Board) -> str:
    """Return the table and its notes, for a page or a notebook."""
    groups = "".join(
        f'<th colspan="{len(board.metrics)}" scope="colgroup">{escape(dataset)}</th>'
        for dataset in board.datasets
    )
    heads = "".join(f'<th scope="col">{escape(METRICS[metric].heading)}</th>' for metric in board.metrics)
    rows = "\n".join(_row(board, model) for model in board.models)
    notes = "".join(f"<li>{escape(note)}</li>" for note in board.notes())
    return (
        f"<table>\n<caption>{escape(_title(board))}</caption>\n<thead>\n"
        f"<tr><th></th>{groups}</tr>\n"
        f'<tr><th scope="col">model</th>{heads * len(board.datasets)}</tr>\n</thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table>\n<ul>{notes}</ul>\n{_costs(board)}"
    )


def _title(board: Board) -> str:
    return f"{board.protocol}, x{board.scale}"


def _costs(board: Board) -> str:
    if not board.costs:
        return ""
    table = cost_table(board.costs)
    heads = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in table.headings)
    rows = "\n".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in table.rows
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.notes)
    return (
        f"<table>\n<caption>Cost of one picture, x{board.scale}</caption>\n"
        f"<thead>\n<tr>{heads}</tr>\n</thead>\n"
        f"<tbody>\n{rows}\n</tbody>\n</table>\n<ul>{notes}</ul>\n"
    )


def _row(board: Board, model: str) -> str:
    cells = "".join(
        _cell(board, model, dataset, metric) for dataset in board.datasets for metric in board.metrics
    )
    return f'<tr><th scope="row">{escape(model)}</th>{cells}</tr>'


def _cell(board: Board, model: str, dataset: str, metric: str) -> str:
    cell = board.cell(model, dataset, metric)
    text = _MARKS[cell.place].format(escape(cell.text))
    text += f"<sup>{cell.mark}</sup>" if cell.mark else ""
    if cell.low is None or cell.high is None:
        return f"<td>{text}</td>"
    low, high = METRICS[metric].printed(cell.low), METRICS[metric].printed(cell.high)
    interval = f"95 % CI over {cell.n} pictures: {low} to {high}"
    return f'<td title="{interval}">{text}</td>'
