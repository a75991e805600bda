"""A report format is one function: Board -> text of a file."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.analysis.board import Board
from sr_models.registry import Registry

Render = Callable[[Board], str]


@dataclass(frozen=True)
class Format:
    """How a board becomes a file."""

    name: str
    suffix: str
    render: Render


FORMATS: Registry[Format] = Registry("report format", package="bench.reports", group="srmos.reports")


def report_format(name: str, *, suffix: str) -> Callable[[Render], Render]:
    """Register the decorated Board -> str under name; its files end in suffix."""

    def register(render: Render) -> Render:
        FORMATS.add(name, Format(name, suffix, render))
        return render

    return register
