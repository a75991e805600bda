"""Write an analysis to a folder: tables, figures, the page, and every number as JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from bench.figures.style import save
from mos_app.analysis.report.page import render_page
from mos_app.analysis.report.sections import Section, sections_of
from mos_app.analysis.report.tables import FORMATS
from mos_app.analysis.results import Analysis


def write_analysis(analysis: Analysis, out: Path, *, source: str, warning: str = "") -> list[Path]:
    """Write the report of a study of scores into `out` and return what was written, the page first."""
    facts = {
        "settings": asdict(analysis.settings),
        "scale": asdict(analysis.ratings.scale),
        "raters": len(analysis.panel.raters),
        "ratings": len(analysis.ratings.first),
        "repeats": len(analysis.ratings.repeats),
        "stimuli": len(analysis.panel.stimuli),
        "left_out": analysis.left_out,
        "notes": analysis.ratings.notes,
        "unanswered": analysis.unanswered,
    }
    sections = sections_of(analysis)
    return write_sections(
        sections, out, title=analysis.settings.title, facts=facts, source=source, warning=warning
    )


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
