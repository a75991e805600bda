"""Every sentence a rater reads, in each language; one TOML file a language."""

import hashlib
import tomllib
from functools import cache
from pathlib import Path

from mos_app.study.definition import Language, Study


@cache
def words(language: Language) -> dict[str, str]:
    """Return the sentences of a language by name."""
    with (Path(__file__).parent / f"{language}.toml").open("rb") as file:
        return tomllib.load(file)


def labels(study: Study, language: Language) -> list[str]:
    """Return what stands on the buttons, from score 1 upwards."""
    if study.settings.labels is not None:
        return list(study.settings.labels)
    return words(language)[f"labels_{study.settings.method}"].split("|")


def consent_text(study: Study, language: Language) -> str:
    """Return what a person agrees to: the researcher's text, or ours."""
    return study.settings.consent or words(language)["consent"]


def consent_version(study: Study, language: Language) -> str:
    """Return 12 hex digits that name exactly this text; kept with each rater."""
    return hashlib.sha256(consent_text(study, language).encode()).hexdigest()[:12]
