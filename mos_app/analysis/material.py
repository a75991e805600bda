"""What every chapter starts from: the checked ratings, screened as the settings say, and the data sets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from bench.palette import model_order
from mos_app.analysis.arrays import CannotSayError
from mos_app.analysis.flags import rater_table
from mos_app.analysis.input.panel import Crossing, Panel, crossings_of, panel_of
from mos_app.analysis.input.ratings import Ratings
from mos_app.analysis.settings import Settings
from mos_app.analysis.statistics.variants import (
    ALL_RATERS,
    Variant,
    screening_variants,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Material:
    """Checked ratings with the headline's screening applied."""

    settings: Settings
    ratings: Ratings
    everybody: pd.DataFrame
    """One row a rater, those that the headline leaves out too."""
    variants: list[Variant]
    """The panel under every rule of screening."""
    panel: Panel
    """Of the raters whom the headline keeps."""
    left_out: tuple[str, ...]
    order: tuple[str, ...]
    """The methods as tables list them."""
    crossings: tuple[Crossing, ...]
    """One a data set, and one of all sets; none where methods cannot be compared."""
    unanswered: list[str]
    """What these ratings cannot say, in sentences: chapters add theirs."""

    def ask(self, question: Callable[[], T], otherwise: T) -> T:
        """Return the answer, or `otherwise` with the reason kept."""
        try:
            return question()
        except CannotSayError as error:
            self.say(str(error))
            return otherwise

    def say(self, reason: str) -> None:
        """Keep a sentence about what these ratings cannot say, once."""
        if reason not in self.unanswered:
            self.unanswered.append(reason)


def material_of(ratings: Ratings, settings: Settings) -> Material:
    """Return what the chapters start from."""
    panel = panel_of(ratings)
    order = tuple(sorted(set(panel.stimuli["method"]), key=model_order))
    everybody = rater_table(ratings, panel, settings.flags)
    variants = screening_variants(panel, everybody)
    chosen = _headline(variants, settings)
    unanswered: list[str] = []
    return Material(
        settings=settings,
        ratings=ratings,
        everybody=everybody,
        variants=variants,
        panel=chosen.panel,
        left_out=chosen.left_out,
        order=order,
        crossings=_comparable(chosen.panel, order, unanswered),
        unanswered=unanswered,
    )


def _headline(variants: list[Variant], settings: Settings) -> Variant:
    wanted = {"none": ALL_RATERS, "bt500": "without BT", "p913": "P.913", "flags": "without flagged"}
    return next((v for v in variants if v.name.startswith(wanted[settings.screening])), variants[0])


def _comparable(panel: Panel, order: tuple[str, ...], unanswered: list[str]) -> tuple[Crossing, ...]:
    """Return the crossings, none where no two methods share a picture."""
    pictures = panel.stimuli.groupby(["dataset", "picture"])["method"].nunique()
    shared = panel.stimuli.groupby("method")["picture"].nunique().max()
    if len(pictures) > 1 and shared < 2:
        unanswered.append(
            "No method was rated on two pictures, so methods cannot be compared: the analysis is of "
            "stimuli and raters."
        )
        return ()
    return tuple(crossings_of(panel, order))
