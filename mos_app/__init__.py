"""Rating studies: people's opinion of pictures, collected exactly and analysed with the right unit."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

    from mos_app.analysis.report.results import Analysis

__all__ = ["analyse"]


def analyse(
    table: "pd.DataFrame",
    *,
    scores: "pd.DataFrame | None" = None,
    title: str = "Opinion scores",
    reference: str = "hr",
    screening: Literal["none", "bt500", "p913", "flags"] = "none",
    scale: tuple[float, float] = (1.0, 5.0),
    draws: int = 2000,
    seed: int = 0,
) -> "Analysis":
    """Return tables, figures and statements of a study: what `mos analyse` writes.

    `table` has one row a rating with the columns `rater, picture, method, score`; `dataset`, `repeat`,
    `phase`, `seconds` (s) and `shown_at` are used where they are there. With `left, right, choice` in place
    of `method, score` it is a table of forced choices. All scores and MOS are in steps of `scale`.

    scores: scores.csv of `bench run`, to say how well its metrics predict people.
    reference: the method that is the hidden reference; DMOS is against it, and it takes no rank.
    screening: whom the headline leaves out; every rule's effect is in the tables either way.
    scale: the ends of the rating scale, both allowed.
    draws: bootstrap draws, at least 100.

    Raises `sr_models.data.errors.InputError` where the table lacks a column, has a score off the scale, or
    has nothing to analyse. What the ratings cannot answer is no error: `remarks` says it.

    >>> import pandas as pd, mos_app
    >>> rows = [(f"r{r}", f"p{p}", m, s + (r + p) % 2)
    ...         for r in range(4) for p in range(5) for m, s in [("a", 2), ("b", 4)]]
    >>> table = pd.DataFrame(rows, columns=["rater", "picture", "method", "score"])
    >>> result = mos_app.analyse(table, draws=100)
    >>> result.tables["mos"][["method", "mos"]].to_dict("records")
    [{'method': 'a', 'mos': 2.5}, {'method': 'b', 'mos': 4.5}]
    >>> result.statements[1]
    '4 raters gave 40 ratings from 1 to 5 to 10 stimuli: 2 methods, 5 pictures.'
    >>> sorted(result.figures)[:2]
    ['differences-all-pictures', 'distributions-all-pictures']
    """
    from mos_app.analysis.input.ratings import Scale
    from mos_app.analysis.report.results import analyse_table
    from mos_app.analysis.settings import Settings
    from sr_models.data.errors import InputError

    if draws < 100:
        raise InputError(f"expected at least 100 bootstrap draws for a 95 % interval, got {draws}")
    low, high = scale
    if low >= high:
        raise InputError(f"expected a scale with its low end first, got {low:g} to {high:g}")
    settings = Settings(title=title, reference=reference, screening=screening, draws=draws, seed=seed)
    return analyse_table(table, settings, scale=Scale(low, high), scores=scores)
