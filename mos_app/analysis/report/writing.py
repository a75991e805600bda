"""Write an analysis to a folder: tables, figures, the page, and every number as JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from bench.figures.style import save
from mos_app.analysis.report.page import render_page
from mos_app.analysis.report.section import Section
from mos_app.analysis.report.tables import FORMATS


def write_sections(
    sections: Sequence[Section],
    out: Path,
    *,
    title: str,
    facts: Mapping[str, object],
    source: str,
    warning: str = "",
) -> list[Path]:
    """Write `report.html`, `analysis.json`, `tables/` and `figures/` and return their paths."""
    for name in ("tables", "figures"):
        (out / name).mkdir(parents=True, exist_ok=True)
    page, numbers = out / "report.html", out / "analysis.json"
    footer = f"Made by srmos {version('srmos')} from {source}. Every number is in analysis.json and tables/."
    page.write_text(render_page(title, sections, footer=footer, warning=warning), encoding="utf-8")
    tables = [table for section in sections for table in (*section.tables, *section.folded)]
    document = {
        "srmos": version("srmos"),
        "source": source,
        "warning": warning,
        **facts,
        "statements": [paragraph for section in sections for paragraph in section.text],
        "tables": {table.name: _records(table.frame) for table in tables},
    }
    numbers.write_text(
        json.dumps(_plain(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8"
    )
    written = [page, numbers]
    for table in tables:
        for ending, render in FORMATS.items():
            path = out / "tables" / f"{table.name}.{ending}"
            path.write_text(render(table), encoding="utf-8")
            written.append(path)
    for plot in (plot for section in sections for plot in section.plots):
        written += save(plot, out / "figures")
    return written


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return frame.to_dict("records")  # type: ignore[return-value]


def _plain(value: Any) -> Any:
    """Return the value in JSON's types; a number that is not there is null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value
