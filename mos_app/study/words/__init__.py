"""Every sentence a rater reads, in each language; one TOML file a language."""

import hashlib
import tomllib
from functools import cache
from pathlib import Path

from mos_app.study.definition import Language, Settings, Study


@cache
def words(language: Language) -> dict[str, str]:
    """Return the sentences of a language by name."""
    with (Path(__file__).parent / f"{language}.toml").open("rb") as file:
        return tomllib.load(file)


def sentences(settings: Settings, language: Language) -> dict[str, str]:
    """Return the sentences of a language with the study's own in their places."""
    own = {
        name.partition(".")[2]: text
        for name, text in settings.texts.items()
        if name.startswith(f"{language}.")
    }
    return {**words(language), **own}


def labels(study: Study, language: Language) -> list[str]:
    """Return what stands on the buttons, from score 1 upwards."""
    if study.settings.labels is not None:
        return list(study.settings.labels)
    return words(language)[f"labels_{study.settings.method}"].split("|")


def consent_text(study: Study, language: Language, settings: Settings | None = None) -> str:
    """Return what a person agrees to: the researcher's text or ours, as frozen, unless edited since."""
    edited = (settings or study.settings).texts.get(f"{language}.consent")
    return edited or study.consents.get(language) or study.settings.consent or words(language)["consent"]


def consent_version(study: Study, language: Language, settings: Settings | None = None) -> str:
    """Return 12 hex digits that name exactly this text; kept with each rater."""
    return hashlib.sha256(consent_text(study, language, settings).encode()).hexdigest()[:12]
