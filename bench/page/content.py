"""What the page shows, as it is embedded in it: columns and positions, because size is load time."""

from dataclasses import dataclass

Number = float | str
"""A float, or "inf", "-inf", "nan": JSON has no such numbers."""


@dataclass(frozen=True)
class Model:
    """A row of the tables, a method in the viewer; others refer to it by its position."""

    name: str
    colour: str


@dataclass(frozen=True)
class Metric:
    """The facts of a metric, as its registry has them."""

    name: str
    heading: str
    unit: str
    higher_is_better: bool
    digits: int
    source: str
    ideal: float | None = None
    """The best value, where neither more nor less is better."""


@dataclass(frozen=True)
class Cell:
    """One mean of a table, printed as every other table of the project prints it."""

    model: int
    dataset: int
    metric: int
    text: str
    mean: Number
    place: int
    """1 best, 2 second, 0 neither."""
    interval: str
    mark: str = ""
    """A sign behind the mean that a note explains."""


@dataclass(frozen=True)
class Column:
    """The values of one model on the pictures of one set."""

    set: int
    metric: int
    model: int
    values: list[int | str | None]
    """In units of the last printed digit (28.42 dB is 2842); None: not scored."""


@dataclass(frozen=True)
class Table:
    """All models on all datasets at one scale, from one kind of LR, under one protocol."""

    stem: str
    protocol: str
    source: str
    scale: int
    lr: str
    crop: str
    datasets: list[int]
    metrics: list[int]
    models: list[int]
    signatures: list[str]
    """One for each of `metrics`."""
    notes: list[str]
    files: list[str]
    """The same table in other formats, below the results folder."""
    cells: list[Cell]
    columns: list[Column]


@dataclass(frozen=True)
class PictureSet:
    """The pictures of one dataset at one scale."""

    dataset: int
    scale: int
    lr: str
    crop: str
    """How HR was cropped and read (`multiple12`, `rounded16`; usually empty): a viewer shows one HR."""
    folder: str
    """Of its pictures, below images/<model>/<dataset>/."""
    images: list[str]
    names: list[str]
    thumbnails: list[str]
    """Data URIs; "" where there is no picture."""
    sizes: list[tuple[int, int] | None]
    """Width and height in pixels."""
    here: dict[int, str]
    """Model -> one character a picture: 1 if its file is in the folder. No entry: none is."""


@dataclass(frozen=True)
class Sheet:
    """Any other table: provenance, cost."""

    title: str
    heads: list[str]
    rows: list[list[str | float | None]]
    note: str = ""


@dataclass(frozen=True)
class Content:
    """Everything on the page."""

    title: str
    run: str
    base: str
    """Where the results folder lies, seen from the page: "" or a relative address that ends in a slash."""
    models: list[Model]
    metrics: list[Metric]
    datasets: list[str]
    tables: list[Table]
    sets: list[PictureSet]
    figures: list[str]
    """Below the results folder."""
    files: list[str]
    """What everything here was made from, below the results folder."""
    sheets: list[Sheet]
