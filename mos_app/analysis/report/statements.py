"""The results in sentences, as a paper's MOS section would say them. Each says what it rests on."""

from typing import Any

import pandas as pd

from bench.palette import label_of
from mos_app.analysis.arrays import rows_of
from mos_app.analysis.report.tables import p_text
from mos_app.analysis.results import Analysis, Metrics
from mos_app.analysis.statistics.differences import ALPHA

_FEW_PICTURES = 10


def design_statement(analysis: Analysis) -> str:
    """Return who rated what."""
    panel, scale = analysis.panel, analysis.ratings.scale
    pictures = len(panel.stimuli[["dataset", "picture"]].drop_duplicates())
    votes, cells = len(analysis.ratings.first), panel.scores.size
    methods, sets = panel.stimuli["method"].nunique(), panel.stimuli["dataset"].nunique()
    text = (
        f"{_count(len(panel.raters), 'rater')} gave {votes:,} ratings from {scale.low:g} to {scale.high:g} "
        f"to {_count(len(panel.stimuli), 'stimulus', 'stimuli')}: {_count(methods, 'method')}, "
        f"{_count(pictures, 'picture')}" + (f" of {sets} sets." if sets > 1 else ".")
    )
    if not analysis.left_out and votes < cells:
        text += f" {1 - votes / cells:.1%} of the votes are missing."
    if len(analysis.ratings.repeats):
        text += f" {len(analysis.ratings.repeats):,} more are hidden repeats, used for test-retest only."
    return text


def winner_statement(analysis: Analysis, dataset: str) -> str:
    """Return the best method of one data set, by how much, and whom the ratings do not tell it from."""
    reference = analysis.settings.reference
    mos = analysis.methods.mos[analysis.methods.mos["dataset"] == dataset]
    ranked = mos[mos["method"] != reference].sort_values("mos", ascending=False, kind="stable")
    best = ranked.iloc[0]
    text = (
        f"On {dataset}, {label_of(best['method'])} has the highest MOS, {best['mos']:.2f}{_interval(best)}."
    )
    rivals = _against(analysis.methods.differences, dataset, best["method"], reference)
    if len(rivals):
        text += " " + _rival_sentence(rivals)
    original = mos[mos["method"] == reference]
    if len(original):
        row = original.iloc[0]
        text += f" The original ({label_of(reference)}) has {row['mos']:.2f}{_interval(row)}."
    return text


def _against(differences: pd.DataFrame, dataset: str, best: str, reference: str) -> pd.DataFrame:
    """Return the rows that set `best` against the other ranked methods, nearest first."""
    if not len(differences):
        return differences
    own = (differences["dataset"] == dataset) & (differences["a"] == best) & (differences["b"] != reference)
    return differences[own].sort_values("difference", kind="stable")


def _rival_sentence(rivals: pd.DataFrame) -> str:
    close = rivals[~(rivals["p_holm"] < ALPHA)]
    if len(close):
        names = _listed([label_of(name) for name in close["b"]])
        rest = f"; it is above the other {len(rivals) - len(close)}" if len(close) < len(rivals) else ""
        return f"The ratings do not tell it from {names}{rest}."
    row = rivals.iloc[0]
    return (
        f"It is {row['difference']:.2f} above the next, {label_of(row['b'])} (95 % CI {row['t_low']:.2f} to "
        f"{row['t_high']:.2f}; crossed test with raters and pictures random, df = {row['df']:.1f}, "
        f"Holm-corrected p {_equals(row['p_holm'])}), and significantly above all others."
    )


def wilcoxon_statement(differences: pd.DataFrame) -> str:
    """Return how many pairs the paper's test and the crossed test call different, over the single sets."""
    paper = int((differences["p_wilcoxon_ratings"] < ALPHA).sum())
    crossed = int((differences["p_holm"] < ALPHA).sum())
    return (
        "The paired two-sided Wilcoxon test over all ratings, as the SRGAN paper used it (zeros dropped, "
        f"no correction for many tests), calls {paper} of {len(differences)} pairs different at p < .05; "
        f"the crossed test with Holm's correction {crossed}. Pooling ratings counts each as a new picture "
        "and a new rater, and so finds differences that another sample of either would not show."
    )


def resolution_statement(resolution: pd.DataFrame) -> str:
    """Return what each set is too small to show."""
    parts = [
        f"{row.smallest:.2f} on {row.dataset} ({row.raters} raters, {row.pictures} pictures)"
        for row in rows_of(resolution)
    ]
    text = (
        "Before correction for many tests, a true difference is found four times in five from "
        f"{_listed(parts)}."
    )
    few = [row.dataset for row in rows_of(resolution) if row.pictures < _FEW_PICTURES]
    if few:
        text += (
            f" {_listed(few)} {'has' if len(few) == 1 else 'have'} fewer than {_FEW_PICTURES} pictures: a "
            "difference that is not significant there says little, and no claim about pictures in general "
            "rests on it."
        )
    if (resolution["pictures"] <= 5).any():
        text += " With five pictures or fewer, a signed-rank test over pictures cannot go below p = .0625."
    return text


def agreement_statement(analysis: Analysis) -> str:
    """Return agreement between raters, and of raters with themselves."""
    table = analysis.agreement.table.set_index("measure")
    parts = [
        f"{name} = {row['value']:.3f}{_bounds(row)}" for name, row in table.iterrows() if "ICC" in str(name)
    ]
    if "Krippendorff's alpha, ordinal" in table.index:
        alpha = table.xs("Krippendorff's alpha, ordinal")
        parts.append(f"Krippendorff's ordinal alpha = {alpha['value']:.3f}{_bounds(alpha)}")
    text = f"Agreement between raters: {'; '.join(parts)}." if parts else ""
    retest = analysis.agreement.retest
    if retest is not None:
        icc = "" if retest.icc is None else f"ICC {retest.icc:.2f}, "
        kappa = "" if retest.kappa is None else f"weighted kappa {retest.kappa:.2f}, "
        text += (
            f" Of {retest.pairs} hidden repeats {retest.exact:.0%} got the same score again and "
            f"{retest.within_one:.0%} one within a step: {icc}{kappa}mean shift {retest.shift:+.2f}."
        )
    return text.strip()


def screening_statement(analysis: Analysis) -> str:
    """Return whom the rules name, and whether it matters."""
    named, left_out = analysis.raters.exclusions, analysis.left_out
    who = (
        f"The headline leaves out {_listed(list(left_out))}."
        if left_out
        else "The headline keeps all raters."
    )
    if not len(named):
        return f"No screening rule names a rater. {who}"
    raters = sorted(set(named["rater"]))
    text = f"{_count(len(raters), 'rater is', 'raters are')} named by a rule: {_listed(raters)}. {who}"
    decisions = analysis.raters.headline_decisions
    if len(decisions):
        changed = int(decisions["changed"].ne("none").sum())
        text += (
            " No verdict between methods changes under any rule."
            if changed == 0
            else " Some verdicts between methods change with the rule; the table says which."
        )
    return text


def metric_statement(metrics: Metrics) -> str:
    """Return the best predictor of each data set and what it is better than."""
    by_picture = metrics.table[metrics.table["level"] == "picture"] if len(metrics.table) else metrics.table
    sentences = []
    for dataset, own in by_picture.groupby("dataset", sort=False):
        best = own.iloc[own["srocc"].abs().argsort()[::-1].iloc[0]]
        ends = sorted(abs(best[f"srocc_{end}"]) for end in ("low", "high"))
        bounds = f" (95 % CI {ends[0]:.2f} to {ends[1]:.2f})" if not pd.isna(ends[0]) else ""
        sentences.append(
            f"On {dataset}, {best['metric']} orders the {best['points']} stimuli most like people do: "
            f"|SROCC| = {abs(best['srocc']):.3f}{bounds}."
        )
    return " ".join([*sentences, *metrics.notes])


def _interval(row: pd.Series) -> str:
    return "" if pd.isna(row["t_low"]) else f" (95 % CI {row['t_low']:.2f} to {row['t_high']:.2f})"


def _bounds(row: Any) -> str:
    return "" if pd.isna(row["low"]) else f" (95 % CI {row['low']:.3f} to {row['high']:.3f})"


def _equals(p: float) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
