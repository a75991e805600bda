"""Real-world tables: our means beside those that OSEDiff's authors published."""

from bench.analysis.board import Board
from bench.analysis.paper import REAL_WORLD
from bench.metric import METRICS

MODEL = "osediff"
METRICS_SHOWN = ("psnr", "ssim", "lpips", "dists", "niqe")


def is_real_world(board: Board) -> bool:
    """Return whether a board has what OSEDiff's authors published means of."""
    return (
        board.protocol == "realsr"
        and board.scale == 4
        and not board.part
        and bool(REAL_WORLD.keys() & board.sizes.keys())
    )


def beside_osediff(board: Board) -> str:
    """Return the means beside the published ones, as Markdown; a difference of 0 means every digit.

    Differences stand below the authors' own pictures (`osediff`), where all pictures of the set were scored.
    """
    heads = " | ".join(METRICS[name].heading for name in METRICS_SHOWN)
    lines = [
        "### Beside OSEDiff (Wu et al., NeurIPS 2024), x4, real-world crops",
        "",
        f"| set | model | {heads} |",
        f"|---|---|{'---:|' * len(METRICS_SHOWN)}",
    ]
    for dataset in board.datasets:
        if dataset not in REAL_WORLD:
            continue
        published = REAL_WORLD[dataset][1]
        lines.append(_row(dataset, "OSEDiff, published", [_printed(n, published[n]) for n in METRICS_SHOWN]))
        lines += [
            _row(dataset, model, [board.cell(model, dataset, name).text for name in METRICS_SHOWN])
            for model in board.models
        ]
        if MODEL in board.models:
            differences = [_difference(board, dataset, name) for name in METRICS_SHOWN]
            lines.append(_row(dataset, f"{MODEL} minus published", differences))
    return "\n".join([*lines, "", *(f"- {note}" for note in [*_partial(board), *board.notes()]), ""])


def _row(dataset: str, model: str, cells: list[str]) -> str:
    return f"| {dataset} | {model} | {' | '.join(cells)} |"


def _printed(metric: str, value: float) -> str:
    return METRICS[metric].printed(value)


def _difference(board: Board, dataset: str, metric: str) -> str:
    """Of what is printed; n/a unless every picture of the published set has a value."""
    size, published = REAL_WORLD[dataset]
    cell, digits = board.cell(MODEL, dataset, metric), METRICS[metric].digits
    if cell.n != size:
        return "n/a"
    difference = round(cell.mean, digits) - round(published[metric], digits)
    return "0" if abs(difference) < 0.5 * 10**-digits else f"{difference:+.{digits}f}"


def _partial(board: Board) -> list[str]:
    return [
        f"{dataset} has {REAL_WORLD[dataset][0]} pictures there, {board.sizes[dataset]} here: not comparable"
        for dataset in board.datasets
        if dataset in REAL_WORLD and board.sizes[dataset] != REAL_WORLD[dataset][0]
    ]
