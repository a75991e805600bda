"""Who rated what."""

from mos_app.analysis.material import Material
from mos_app.analysis.report.wording import counted


def sentence(material: Material) -> str:
    """Return who rated what."""
    panel, scale = material.panel, material.ratings.scale
    pictures = len(panel.stimuli[["dataset", "picture"]].drop_duplicates())
    votes, cells = len(material.ratings.first), panel.scores.size
    methods, sets = panel.stimuli["method"].nunique(), panel.stimuli["dataset"].nunique()
    text = (
        f"{counted(len(panel.raters), 'rater')} gave {votes:,} ratings from {scale.low:g} to {scale.high:g} "
        f"to {counted(len(panel.stimuli), 'stimulus', 'stimuli')}: {counted(methods, 'method')}, "
        f"{counted(pictures, 'picture')}" + (f" of {sets} sets." if sets > 1 else ".")
    )
    if not material.left_out and votes < cells:
        text += f" {1 - votes / cells:.1%} of the votes are missing."
    if len(material.ratings.repeats):
        text += f" {len(material.ratings.repeats):,} more are hidden repeats, used for test-retest only."
    return text
