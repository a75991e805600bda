"""Mean ranks as Markdown."""

from bench.analysis.board import Board
from bench.analysis.ranking import Ranking, ranking
from bench.metric import METRICS

_SHOWN = 10


def ranking_markdown(board: Board) -> str:
    """Return the models of a table by mean rank, and where its metrics disagree; empty: nothing to rank."""
    found = ranking(board)
    if found is None:
        return ""
    heads = " | ".join(f"{dataset} {METRICS[metric].heading}" for dataset, metric in found.columns)
    lines = [f"### Ranks: {board.protocol}, x{board.scale}, LR {board.lr}", ""]
    lines += [f"| model | mean rank | {heads} |", f"|---|---:|{'---:|' * len(found.columns)}"]
    for each in found.standings:
        cells = " | ".join(f"{each.ranks[place]:g}" for place in found.columns)
        lines.append(f"| {each.model} | {each.mean_rank:.2f} | {cells} |")
    return "\n".join([*lines, "", *(f"- {note}" for note in _notes(found)), ""])


def _notes(found: Ranking) -> list[str]:
    notes = ["1 is the best of a column, by unrounded means; each metric on each set counts once"]
    for each in found.disagreements[:_SHOWN]:
        first, second = (METRICS[name].heading for name in each.metrics)
        notes.append(
            f"{each.dataset}: {first} prefers {each.best[0]}, {second} {each.best[1]} "
            f"(Kendall's tau of the two orders {each.tau:+.2f})"
        )
    more = len(found.disagreements) - _SHOWN
    if more > 0:
        notes.append(f"{more} more pairs of metrics prefer different models")
    if not found.disagreements:
        notes.append("all metrics prefer the same model on each set")
    if found.left_out:
        notes.append(f"not ranked, because some picture has no value: {', '.join(found.left_out)}")
    return notes
