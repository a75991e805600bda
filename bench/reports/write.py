"""Tables and plots of a results folder, from its rows alone."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from bench.analysis.board import Board
from bench.analysis.paper import DIGITS, PUBLISHED, STANDS_FOR
from bench.analysis.results import Results
from bench.reports.formats import FORMATS
from bench.reports.markdown_table import markdown
from bench.reports.real_world import beside_osediff, is_real_world
from bench.store.theirs import theirs_files
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
    sources = [results.folder / "scores.csv", *theirs_files(results.folder)]
    scores = max(path.stat().st_mtime_ns for path in sources)
    return [
        path for path, _ in _table_files(results) if not path.is_file() or path.stat().st_mtime_ns < scores
    ]


def markdown_of(
    results: Results, *, scale: int | None = None, lrs: Sequence[str] = (), protocols: Sequence[str] = ()
) -> str:
    """Return the tables as Markdown, all of them or those of one scale, some LRs and some protocols."""
    return "\n".join(
        markdown(board)
        for board in results.boards
        if scale in (None, board.scale)
        and (not lrs or board.lr in lrs)
        and (not protocols or board.protocol in protocols)
    )


def paper_markdown(results: Results) -> str:
    """Return our means beside published ones, as Markdown; raises InputError if nothing can be compared.

    `srgan` means go beside the SRGAN paper's, `realsr` means beside OSEDiff's.
    """
    parts = [_beside_paper(board) for board in results.boards if _is_comparable(board)]
    parts += [beside_osediff(board) for board in results.boards if is_real_world(board)]
    if not parts:
        raise InputError(
            f"{results.folder} has nothing that the papers published: "
            "run Set5, Set14 or BSD100 under the protocol srgan, or RealSR or DRealSR under realsr"
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
        if is_real_world(board):
            yield folder / f"paper_{board.stem}.md", partial(beside_osediff, board)


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
