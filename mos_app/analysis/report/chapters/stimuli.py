"""Stimuli one by one: MOS and DMOS of every version of every picture."""

from dataclasses import dataclass

import pandas as pd

from mos_app.analysis.material import Material
from mos_app.analysis.report.section import NO_ROWS, Section, filled
from mos_app.analysis.report.tables import Table
from mos_app.analysis.statistics.opinion import (
    stimulus_dmos,
    stimulus_mos,
)


@dataclass(frozen=True)
class Stimuli:
    """One row a stimulus."""

    mos: pd.DataFrame
    dmos: pd.DataFrame


def measure(material: Material) -> Stimuli:
    """Return MOS and, where there is a hidden reference, DMOS of each stimulus."""
    settings, panel = material.settings, material.panel
    dmos = material.ask(lambda: stimulus_dmos(panel, settings.reference, material.ratings.scale), NO_ROWS)
    return Stimuli(stimulus_mos(panel, material.ratings.scale), dmos)


def section(found: Stimuli) -> Section:
    """Return the chapter."""
    folded = [
        Table(
            "stimuli",
            "MOS per stimulus",
            "95 % intervals by t over raters, cut at the ends of the scale.",
            found.mos,
        ),
        Table("stimuli-dmos", "DMOS per stimulus", "95 % intervals by t over raters.", found.dmos),
    ]
    return Section(
        "Stimuli", (f"{len(found.mos):,} stimuli, each with its own MOS.",), (), (), filled(folded)
    )
