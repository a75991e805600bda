"""Tables and plots of a results folder, from its rows alone."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from bench.analysis.board import Board
from bench.analysis.paper import DIGITS, PUBLISHED, STANDS_FOR
from bench.analysis.results import Results
from bench.reports.formats import FORMATS
from bench.reports.markdown_table import markdown
from sr_models.data.errors import InputError
from sr_models.data.image import write_bytes


def write_report(results: Results, *, plots: bool = True) -> list[Path]:
    """Write DIR/tables and, unless told not to, DIR/plots; return the files."""
    written = []
    for path, text in _tables(results):
        write_bytes(path, text.encode())
        written.append(path)
    if not plots:
        return written
    from bench.figures.write import write_figures  # matplotlib

    return written + write_figures(results.boards, results.folder / "plots")


def stale_tables(results: Results) -> list[Path]:
    """Return the tables that are missing or differ from what the scores give."""
    return [
        path for path, text in _tables(results) if not path.is_file() or path.read_bytes() != text.encode()
    ]


def unwritten_tables(results: Results) -> list[Path]:
    """Return the tables that are missing or older than the scores: a quicker look than `stale_tables`."""
    scores = (results.folder / "scores.csv").stat().st_mtime_ns
    return [
        path for path, _ in _table_files(results) if not path.is_file() or path.stat().st_mtime_ns < scores
    ]


def markdown_of(
    results: Results, *, scale: int | None = None, lr: str | None = None, protocols: Sequence[str] = ()
) -> str:
    """Return the tables as Markdown, all of them or those of one scale, LR and some protocols."""
    return "\n".join(
        markdown(board)
        for board in results.boards
        if scale in (None, board.scale)
        and lr in (None, board.lr)
        and (not protocols or board.protocol in protocols)
    )


def paper_markdown(results: Results) -> str:
    """Return our `srgan` means beside the SRGAN paper's, as Markdown; raises InputError if there are none."""
    parts = [_beside_paper(board) for board in results.boards if _is_comparable(board)]
    if not parts:
        raise InputError(
            f"{results.folder} has nothing that the paper published: "
            "run Set5, Set14 or BSD100 under the protocol srgan"
        )
    return "\n".join(parts)


def _tables(results: Results) -> Iterator[tuple[Path, str]]:
    """Yield file and text of each table."""
    for path, render in _table_files(results):
        yield path, render()


def _table_files(results: Results) -> Iterator[tuple[Path, Callable[[], str]]]:
    folder = results.folder / "tables"
    for board in results.boards:
        for kind in FORMATS:
            yield folder / f"{board.stem}{kind.suffix}", partial(kind.render, board)
        if _is_comparable(board):
            yield folder / f"paper_x{board.scale}_{board.lr}.md", partial(_beside_paper, board)


def _is_comparable(board: Board) -> bool:
    return (
        board.protocol == "srgan"
        and board.scale == 4
        and not board.part
        and any((STANDS_FOR.get(model, model), dataset) in PUBLISHED for model, dataset, _ in board.cells)
    )


def _beside_paper(board: Board) -> str:
    lines = [
        "### Beside the SRGAN paper (Ledig et al., CVPR 2017, v5), x4",
        "",
        "| set | model | PSNR (dB) | paper | difference | SSIM | paper | difference |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for dataset in board.datasets:
        for model in board.models:
            stands_for = STANDS_FOR.get(model, model)
            published = PUBLISHED.get((stands_for, dataset))
            if published is None or (model, dataset, "psnr") not in board.cells:
                continue
            ssim_digits = DIGITS.get((stands_for, dataset), 4)
            psnr = _compared(board, (model, dataset, "psnr"), published.psnr, 2)
            ssim = _compared(board, (model, dataset, "ssim"), published.ssim, ssim_digits)
            lines.append(f"| {dataset} | {model} | {psnr} | {ssim} |")
    return "\n".join([*lines, "", *(f"- {note}" for note in board.notes()), ""])


def _compared(board: Board, where: tuple[str, str, str], published: float, digits: int) -> str:
    """Ours, theirs, and the difference of what is printed: 0 means every digit."""
    cell = board.cells.get(where)
    if cell is None:
        return f"n/a | {published:.{digits}f} | n/a"
    difference = round(cell.mean, digits) - published
    shown = "0" if abs(difference) < 0.5 * 10**-digits else f"{difference:+.{digits}f}"
    return f"{cell.text} | {published:.{digits}f} | {shown}"
