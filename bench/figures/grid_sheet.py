"""A comparison grid on paper: every pixel of a crop is a square of whole dots, so nothing is blurred.

Lengths are in millimetres until the size of a dot is known, then in dots.
"""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.textpath import TextPath
from PIL import Image as PillowImage

from bench.figures.grid import Grid, Panel
from bench.figures.style import INK, file_name, styled
from bench.metric import METRICS
from bench.palette import colour_of
from bench.store.rows import DEFAULT_LR
from sr_models.data.errors import InputError
from sr_models.data.image import Image

TEXT_WIDTH_MM, COLUMN_MM = 176.0, 85.0
DOTS_PER_INCH = 300
"""At least; the zoom is the smallest whole number that reaches it."""
_MM = 25.4
_FONTS = (6.5, 6.0, 5.5)
"""Points: the largest in which every name fits on one line; in the smallest one they break."""
_NOTE = 5.5
_GAP, _BAR, _PADDING, _SMALLEST_TILE = 1.2, 0.5, 0.6, 9.0
_WIDEST_MM = 1000.0
_PICTURE_SHARE = 0.42  # of the width, at most: the crops are what is compared
_BOLDER = 1.13  # how much wider the best scores are than the others
_BOX = "#ffd400"


@dataclass(frozen=True)
class Sheet:
    """Where everything goes, in dots from the top left."""

    width: int
    height: int
    dots_per_mm: float
    zoom: int
    """Dots a side of an HR pixel in the crops."""
    picture: tuple[int, int]
    """Width and height of the whole picture, at the top left."""
    tiles: tuple[tuple[int, int], ...]
    """x, y of each crop, as many as panels."""
    captions: "Captions"


@dataclass(frozen=True)
class Captions:
    """What stands below the crops."""

    font: float
    """Points."""
    lines: tuple[tuple[str, ...], ...]
    """For each panel its name, then its scores; equally many in a row."""

    def height(self, panels: slice) -> float:
        """Return the height of the captions of these panels, their models' colours included, in mm."""
        return _BAR + _PADDING + max(map(len, self.lines[panels])) * line_mm(self.font)


def line_mm(font: float) -> float:
    """Return the height of a line of text in mm."""
    return 1.22 * font * _MM / 72


def lay_out(grid: Grid, *, rows: int, width_mm: float) -> Sheet:
    """Return the sheet: the picture on the left, the crops beside it in one row or two.

    Raises InputError where crops would be too small to see.
    """
    if rows not in (1, 2):
        raise InputError(f"rows: expected 1 or 2, got {rows}")
    if not 0 < width_mm <= _WIDEST_MM:
        raise InputError(f"width: expected up to {_WIDEST_MM:g} mm, got {width_mm:g}")
    columns = math.ceil(len(grid.panels) / rows)
    first = slice(columns)
    captions = _captions(grid, width_mm, columns)
    while True:  # narrower crops have taller captions, and those make narrower crops: it ends
        tile = _tile_width(grid, rows, columns, width_mm, captions.height(first))
        if tile < _SMALLEST_TILE:
            raise InputError(
                f"{len(grid.panels)} crops in {rows} row{'s' * (rows > 1)} on {width_mm:g} mm would be "
                f"{max(tile, 0):.0f} mm wide: take {'--rows 2, ' * (rows == 1)}fewer --models or more --width"
            )
        needed = _captions(grid, tile, columns)
        if needed.height(first) <= captions.height(first):
            return _in_dots(grid, columns, width_mm, tile, captions=needed)
        captions = needed


def _tile_width(grid: Grid, rows: int, columns: int, width_mm: float, caption: float) -> float:
    """Picture and crops together are as wide as the sheet, the picture as high as all rows if it may be."""
    shape = grid.hr.shape[1] / grid.hr.shape[0]
    between = (rows - 1) * (caption + _GAP)
    tall = rows * grid.crop.height / grid.crop.width
    tile: float = (width_mm - columns * _GAP - shape * between) / (columns + shape * tall)
    return max(tile, width_mm * (1 - _PICTURE_SHARE) / columns - _GAP)


def _in_dots(grid: Grid, columns: int, width_mm: float, tile: float, *, captions: Captions) -> Sheet:
    zoom = max(1, math.ceil(DOTS_PER_INCH / _MM * tile / grid.crop.width))
    dots_per_mm = zoom * grid.crop.width / tile
    gap, width = round(_GAP * dots_per_mm), round(width_mm * dots_per_mm)
    step, tall = zoom * grid.crop.width + gap, zoom * grid.crop.height
    left = width - columns * step + gap
    second = tall + round(captions.height(slice(columns)) * dots_per_mm) + gap
    tiles = [(left + n % columns * step, n // columns * second) for n in range(len(grid.panels))]
    last = slice(columns, None) if len(grid.panels) > columns else slice(columns)
    high = tiles[-1][1] + tall + round(captions.height(last) * dots_per_mm)
    return Sheet(
        width=width,
        height=high + round(_note_height(grid, width_mm) * dots_per_mm),
        dots_per_mm=dots_per_mm,
        zoom=zoom,
        picture=(left - gap, round((left - gap) * grid.hr.shape[0] / grid.hr.shape[1])),
        tiles=tuple(tiles),
        captions=captions,
    )


def _captions(grid: Grid, tile: float, columns: int) -> Captions:
    """Captions that fit below crops of that width in mm."""
    names = [panel.model for panel in grid.panels]
    font = next((size for size in _FONTS if _fit(names, tile, size)), _FONTS[-1])
    heads = tuple(METRICS[metric].heading.partition(" (")[0] for metric in grid.metrics)
    scores = [panel.scores or heads for panel in grid.panels]
    on_one_line = _fit([" / ".join(each) for each in scores], tile / _BOLDER, font)
    broken = [[name] if _fit([name], tile, font) else _halves(name) for name in names]
    lines = []
    for place, (panel, name, each) in enumerate(zip(grid.panels, broken, scores, strict=True)):
        row = place // columns * columns
        missing = max(map(len, broken[row : row + columns])) - len(name)
        lines.append((*name, *[""] * missing, *_score_lines(panel, each, on_one_line=on_one_line)))
    return Captions(font, tuple(lines))


def _fit(texts: Sequence[str], tile: float, font: float) -> bool:
    return max(map(len, texts)) == 0 or max(_width(text, font) for text in texts if text) <= tile


def _width(text: str, font: float) -> float:
    """In mm."""
    return float(TextPath((0, 0), text, size=font).get_extents().width * _MM / 72)


def _halves(name: str) -> list[str]:
    cut = max(name.find(" "), name.rfind("-")) + 1
    return [name[:cut].strip(), name[cut:]] if cut else [name]


def _score_lines(panel: Panel, scores: Sequence[str], *, on_one_line: bool) -> list[str]:
    bests = panel.best or (False,) * len(scores)
    shown = [rf"$\mathbf{{{text}}}$" if best else text for text, best in zip(scores, bests, strict=True)]
    return [" / ".join(shown)] if on_one_line and shown else shown


def _note_lines(grid: Grid, width_mm: float) -> list[str]:
    return textwrap.wrap(grid.note, int(width_mm / (0.48 * _NOTE * _MM / 72)))


def _note_height(grid: Grid, width_mm: float) -> float:
    return 1.0 + len(_note_lines(grid, width_mm)) * line_mm(_NOTE)


def draw(grid: Grid, sheet: Sheet) -> Figure:
    """Return the grid as a figure of the sheet's size, to be saved at its own resolution."""
    dpi = sheet.dots_per_mm * _MM
    size = (sheet.width + 1e-3) / dpi, (sheet.height + 1e-3) / dpi  # rounding must not lose a dot
    with styled():
        figure = Figure(figsize=size, dpi=dpi)
        width, height = sheet.picture
        whole = PillowImage.fromarray(grid.hr).resize((width, height), PillowImage.Resampling.LANCZOS)
        _place(figure, sheet, np.asarray(whole), 0, 0)
        _mark_crop(figure, grid, sheet)
        _write(figure, sheet, (width / 2, height), [grid.name, f"{grid.dataset}, x{grid.scale}"])
        for panel, (x, y), lines in zip(grid.panels, sheet.tiles, sheet.captions.lines, strict=True):
            pixels = panel.pixels.repeat(sheet.zoom, 0).repeat(sheet.zoom, 1)
            _place(figure, sheet, pixels, x, y)
            _bar(figure, sheet, x, y + pixels.shape[0], pixels.shape[1], colour_of(panel.model))
            _write(figure, sheet, (x + pixels.shape[1] / 2, y + pixels.shape[0]), lines)
        note = "\n".join(_note_lines(grid, sheet.width / sheet.dots_per_mm))
        at = 0.3 * sheet.dots_per_mm / sheet.width
        figure.text(at, 0, note, fontsize=_NOTE, color=INK, alpha=0.75, va="bottom", linespacing=1.2)
    return figure


def write_grid(grid: Grid, out: Path, *, rows: int = 1, width_mm: float = TEXT_WIDTH_MM) -> list[Path]:
    """Write the grid and return the files: PNG and PDF, or the one that out's ending names."""
    if out.is_dir():
        raise InputError(f"{out} is a folder: expected the name of a file")
    figure = draw(grid, lay_out(grid, rows=rows, width_mm=width_mm))
    endings = [out.suffix] if out.suffix in (".png", ".pdf", ".svg") else [".png", ".pdf"]
    stem = out.with_suffix("") if out.suffix in endings else out
    stem.parent.mkdir(parents=True, exist_ok=True)
    files = [stem.with_name(stem.name + ending) for ending in endings]
    dates = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": None}
    with styled():
        for path in files:
            figure.savefig(path, dpi=figure.dpi, metadata=dates[path.suffix])
    return files


def stem_of(grid: Grid) -> str:
    """Return how a grid's files are called where the user does not say."""
    lr = "" if grid.lr == DEFAULT_LR else f"-{grid.lr}"
    return file_name(f"{grid.dataset}_{grid.name}_x{grid.scale}{lr}")


def _place(figure: Figure, sheet: Sheet, pixels: Image, x: int, y: int) -> None:
    """Put pixels where they cover exactly as many dots."""
    height, width = pixels.shape[:2]
    box = x / sheet.width, 1 - (y + height) / sheet.height, width / sheet.width, height / sheet.height
    axes = figure.add_axes(box)
    axes.imshow(pixels, interpolation="none", aspect="auto")
    axes.axis("off")


def _mark_crop(figure: Figure, grid: Grid, sheet: Sheet) -> None:
    scale = sheet.picture[1] / grid.hr.shape[0]
    crop = grid.crop
    frame = Rectangle((scale * crop.x - 0.5, scale * crop.y - 0.5), scale * crop.width, scale * crop.height)
    frame.set(fill=False, edgecolor=_BOX, linewidth=1.0, joinstyle="miter")
    frame.set_path_effects([withStroke(linewidth=2.0, foreground="black")])
    figure.axes[0].add_patch(frame)


def _bar(figure: Figure, sheet: Sheet, x: int, y: int, width: int, colour: str) -> None:
    """The model's colour in every figure, below its crop."""
    height = _BAR * sheet.dots_per_mm
    corner = x / sheet.width, 1 - (y + height) / sheet.height
    bar = Rectangle(corner, width / sheet.width, height / sheet.height, transform=figure.transFigure)
    bar.set(facecolor=colour, linewidth=0)
    figure.add_artist(bar)


def _write(figure: Figure, sheet: Sheet, top: tuple[float, float], lines: Sequence[str]) -> None:
    font = sheet.captions.font
    for place, line in enumerate(lines):
        y = top[1] + (_BAR + _PADDING + (place + 0.5) * line_mm(font)) * sheet.dots_per_mm
        figure.text(top[0] / sheet.width, 1 - y / sheet.height, line, fontsize=font, ha="center", va="center")
