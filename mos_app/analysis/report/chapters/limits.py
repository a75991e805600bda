"""What the ratings cannot say, and how everything was computed."""

from mos_app.analysis.flags import rules_in_words
from mos_app.analysis.material import Material
from mos_app.analysis.report.section import Section
from mos_app.analysis.statistics.differences import ALPHA


def unanswered_section(material: Material) -> Section:
    """Return what these ratings cannot say."""
    return Section("What these ratings cannot say", (*material.unanswered,))


def how_section(material: Material) -> Section:
    """Return how the numbers were computed."""
    settings, rules = material.settings, material.settings.flags
    return Section(
        "How it was done",
        (
            *material.ratings.notes,
            f"Bootstrap: {settings.draws:,} draws, seed {settings.seed}. Significance at {ALPHA:g}. "
            f"Screening of the headline: {settings.screening}.",
            "Crossed test: quasi-F (Clark 1973) with Satterthwaite's degrees of freedom, components by "
            "Henderson's method 1, which is ANOVA where no vote is missing; negative components are 0.",
            "BT.500-14 rejects a rater with more than 5 % outlying votes on both sides (one-sidedness "
            "under 0.30). P.913 takes off each rater's bias first. P.910 Annex E estimates bias and "
            "inconsistency by maximum likelihood.",
            rules_in_words(rules),
        ),
    )
