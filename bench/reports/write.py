"""Tables and plots of a results folder, rebuilt from its scores alone."""

from collections.abc import Sequence
from pathlib import Path

from bench.analysis.board import Board, boards
from bench.analysis.paper import DIGITS, PUBLISHED, STANDS_FOR
from bench.cost.profile import read_profiles
from bench.reports.formats import FORMATS
from bench.reports.markdown_table import markdown
from bench.store.table import read_header, read_scores
from sr_models.data.errors import InputError
from sr_models.data.image import write_bytes


def write_report(folder: Path) -> list[Path]:
    """Write DIR/tables and DIR/plots and return the files."""
    from bench.figures.bars import write_plots
    from bench.figures.write import write_figures

    written = []
    for name, text in _tables(folder).items():
        write_bytes(folder / name, text.encode())
        written.append(folder / name)
    scores, plots = read_scores(folder), folder / "plots"
    return written + write_plots(scores, plots) + write_figures(scores, read_profiles(folder), plots)


def stale_tables(folder: Path) -> list[Path]:
    """Return the tables that are missing or differ from what the scores give."""
    return [
        folder / name
        for name, text in _tables(folder).items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != text.encode()
    ]


def markdown_of(
    folder: Path, *, scale: int | None = None, lr: str | None = None, protocols: Sequence[str] = ()
) -> str:
    """Return the tables as Markdown, all of them or those of one scale, LR and some protocols."""
    return "\n".join(
        markdown(board)
        for board in boards_of(folder)
        if scale in (None, board.scale)
        and lr in (None, board.lr)
        and (not protocols or board.protocol in protocols)
    )


def paper_markdown(folder: Path) -> str:
    """Return our `srgan` means beside the SRGAN paper's, as Markdown; raises InputError if there are none."""
    parts = [_beside_paper(board) for board in boards_of(folder) if _is_comparable(board)]
    if not parts:
        raise InputError(
            f"{folder} has nothing that the paper published: run Set5, Set14 or BSD100 with --protocols srgan"
        )
    return "\n".join(parts)


def _tables(folder: Path) -> dict[str, str]:
    """File name below the folder -> text."""
    tables = {}
    for board in boards_of(folder):
        for kind in FORMATS:
            tables[f"tables/{board.stem}{kind.suffix}"] = kind.render(board)
        if _is_comparable(board):
            tables[f"tables/paper_x{board.scale}_{board.lr}.md"] = _beside_paper(board)
    return tables


def boards_of(folder: Path) -> list[Board]:
    """Return the tables of a results folder, named after the last invocation that computed anything: looking
    again changes no table. Raises InputError without scores.
    """
    header = read_header(folder)
    invocations = [each for each in header["invocations"] if each["scores"]["computed"]]
    last = invocations[-1] if invocations else {}
    run = f"{last.get('started', 'unknown time')}, commit {last.get('commit') or 'unknown'}"
    return boards(read_scores(folder), run, read_profiles(folder), header.get("metrics", {}))


def _is_comparable(board: Board) -> bool:
    return (
        board.protocol == "srgan"
        and board.scale == 4
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
    return f"{board.text(*where)} | {published:.{digits}f} | {shown}"
