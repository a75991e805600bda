"""A whole analysis: the chapters put together from a table of ratings or of forced choices."""

from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from mos_app.analysis.input.ratings import ACR, Ratings, Scale, check_ratings
from mos_app.analysis.material import material_of
from mos_app.analysis.report.chapters import (
    agreement,
    design,
    differences,
    limits,
    methods,
    metrics,
    preferences,
    raters,
    stimuli,
)
from mos_app.analysis.report.page import render_page
from mos_app.analysis.report.section import Section
from mos_app.analysis.report.writing import write_sections
from mos_app.analysis.settings import Settings
from mos_app.analysis.statistics.pairs import bradley_terry, check_pairs, is_pairs


@dataclass(frozen=True)
class Analysis:
    """What `mos_app.analyse` returns: tables, figures and statements, and how to keep them."""

    sections: tuple[Section, ...]
    """The chapters in order, "In short" first."""
    facts: dict[str, object]
    """Settings and counts, as analysis.json has them."""
    remarks: tuple[str, ...]
    """What was left out on reading, and what the ratings cannot say."""
    title: str
    warning: str
    """Why the numbers are no people's, '' where they are."""

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table by name, at full precision: `mos`, `differences`, `raters`, `agreement`, ..."""
        return {t.name: t.frame for section in self.sections for t in (*section.tables, *section.folded)}

    @property
    def figures(self) -> dict[str, Figure]:
        """Every figure by name, as matplotlib figures."""
        return {plot.name: plot.figure for section in self.sections for plot in section.plots}

    @property
    def statements(self) -> tuple[str, ...]:
        """The results in sentences, the most important first."""
        return tuple(paragraph for section in self.sections for paragraph in section.text)

    def page(self) -> str:
        """Return the report as one HTML page that fetches nothing."""
        footer = f"Made by srmos {version('srmos')}."
        return render_page(self.title, self.sections, footer=footer, warning=self.warning)

    def write(self, folder: str | Path, *, source: str = "a table in memory") -> list[Path]:
        """Write report.html, analysis.json, tables/ and figures/ and return their paths, the page first."""
        return write_sections(
            self.sections,
            Path(folder),
            title=self.title,
            facts=self.facts,
            source=source,
            warning=self.warning,
        )

    def _repr_html_(self) -> str:
        return "".join(f"<p>{paragraph}</p>" for paragraph in self.sections[0].text)


def analyse_table(
    table: pd.DataFrame, settings: Settings, *, scale: Scale = ACR, scores: pd.DataFrame | None = None
) -> Analysis:
    """Return the analysis of ratings, or of forced choices where the table has left, right and choice."""
    if is_pairs(table):
        choices = check_pairs(table)
        sections = preferences.sections(
            choices, bradley_terry(choices, draws=settings.draws, seed=settings.seed)
        )
        facts: dict[str, object] = {"settings": asdict(settings), "choices": len(choices)}
        return Analysis(tuple(sections), facts, (), settings.title, _warning(table))
    return _analyse_scores(check_ratings(table, scale), settings, scores, _warning(table))


def _analyse_scores(
    ratings: Ratings, settings: Settings, scores: pd.DataFrame | None, warning: str
) -> Analysis:
    material = material_of(ratings, settings)
    tests = differences.measure(material)
    by_method = methods.measure(material, tests)
    by_stimulus = stimuli.measure(material)
    people = raters.measure(material)
    agreeing = agreement.measure(material)
    summary = [*methods.sentences(material, by_method, tests), design.sentence(material)]
    if len(tests.resolution):
        summary.append(differences.sentence(tests.resolution))
    summary += [raters.sentence(material, people), agreement.sentence(agreeing)]
    sections = [
        Section(
            "In short",
            tuple(sentence for sentence in summary if sentence),
            methods.main_figure(material, by_method),
        ),
        methods.section(material, by_method),
        differences.section(material, tests, by_method.mos),
        raters.section(people),
        agreement.section(agreeing),
    ]
    if scores is not None:
        sections.append(metrics.section(metrics.measure(material, by_stimulus.mos, scores)))
    sections += [
        stimuli.section(by_stimulus),
        limits.unanswered_section(material),
        limits.how_section(material),
    ]
    facts: dict[str, object] = {
        "settings": asdict(settings),
        "scale": asdict(ratings.scale),
        "raters": len(material.panel.raters),
        "ratings": len(ratings.first),
        "repeats": len(ratings.repeats),
        "stimuli": len(material.panel.stimuli),
        "left_out": material.left_out,
        "notes": ratings.notes,
        "unanswered": tuple(material.unanswered),
    }
    shown = tuple(section for section in sections if section.text or section.plots or section.tables)
    remarks = (*ratings.notes, *material.unanswered)
    return Analysis(shown, facts, remarks, settings.title, warning)


def _warning(table: pd.DataFrame) -> str:
    """Return the banner of a report whose ratings no person gave."""
    if "study" in table.columns and table["study"].astype(str).str.startswith("simulated").all():
        return "Simulated ratings: nobody looked at a picture."
    return ""
