"""A model card as Markdown tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sr_models.inference.weights_file import Card
from sr_models.networks.config import to_json

_ELSEWHERE = ("name", "network", "steps_done")  # of a recipe: stated in the summary
_ADVERSARY = ("adversarial", "discriminator_rate", "discriminator_width", "alpha_zero_at")
_RUN = ("start", "start_sha256", "steps", "batch", "crop_px", "rate", "optimiser", "machine", "hours")
_SHA256 = 12  # digits shown


def card_markdown(card: Card, parameters: int) -> str:
    """Return the card as Markdown; what it does not state is left out."""
    summary = {
        "network": _options(to_json(card.network)),
        "parameters": f"{parameters:,}",
        "trained": _trained(card),
        "licence": card.licence,
    }
    measured = {name: value for name, value in card.measured.items() if name != "scores"}
    sections = [
        (None, _two_columns(summary.items())),
        ("Runs", _table(card.history, first=_RUN)),
        ("Recipe of the last run" if card.history else "Recipe", _two_columns(_flat(_recipe(card.recipe)))),
        ("Pictures", _two_columns(_pictures(card.pictures))),
        ("Measured while training", _two_columns(_flat(measured))),
        ("Scores", _table(_scores(card.measured.get("scores", {})))),
        ("Notes", card.notes),
    ]
    text = "\n\n".join(f"## {title}\n\n{body}" if title else body for title, body in sections if body)
    return f"# {card.name}\n\n{text}\n"


def _trained(card: Card) -> str:
    recipe = card.recipe
    if "steps_done" not in recipe:
        return "not stated"
    crops = f"{recipe['batch']} crops of {recipe['crop_px']} px"
    return f"{recipe['steps_done']:,} steps of {crops}, {card.seconds / 60:.1f} minutes, {card.machine}"


def _options(network: Mapping[str, Any]) -> str:
    options = "; ".join(
        f"{name.replace('_', ' ')} {_text(value)}" for name, value in network.items() if name != "family"
    )
    return f"{network['family']} ({options})"


def _recipe(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that had an effect and are not in the summary."""
    hidden = _ELSEWHERE if recipe.get("adversarial") else (*_ELSEWHERE, *_ADVERSARY)
    return {name: value for name, value in recipe.items() if name not in hidden}


def _pictures(pictures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in pictures.items():
        if isinstance(value, Mapping):  # folder -> number of pictures
            yield name, ", ".join(f"{folder} ({count})" for folder, count in value.items())
        elif value is not None:
            yield name, _text(value)


def _scores(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return {protocol: {dataset: {metric: mean}}} as rows."""
    return [
        {"protocol": protocol, "dataset": dataset, **means}
        for protocol, datasets in scores.items()
        for dataset, means in datasets.items()
    ]


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield (name, text) of every value, `lr peak` for the value `peak` inside `lr`; None is left out."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name} ")
        elif value is not None:
            yield f"{before}{name}", _text(value)


def _two_columns(rows: Iterable[tuple[str, str]]) -> str:
    lines = [[name.replace("_", " "), value] for name, value in rows]
    return _markdown(["", ""], lines) if lines else ""


def _table(rows: Sequence[Mapping[str, Any]], first: Sequence[str] = ()) -> str:
    """Return rows as a table with a column for every key, those in `first` first; '' for no rows."""
    found = dict.fromkeys(name for row in rows for name in row)
    columns = [*(name for name in first if name in found), *(name for name in found if name not in first)]
    lines = [[_shortened(name, _text(row.get(name))) for name in columns] for row in rows]
    return _markdown([name.replace("_", " ") for name in columns], lines) if columns else ""


def _shortened(column: str, text: str) -> str:
    return text[:_SHA256] if "sha256" in column else text


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns also line up in a terminal (the last may be long)."""
    lines = [[cell.replace("|", "\\|") for cell in row] for row in (head, *rows)]
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(head))]
    widths[-1] = 3
    lines.insert(1, ["-" * width for width in widths])
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
