"""A model card as people read it."""

from collections.abc import Mapping
from typing import Any

from sr_models.inference.weights_file import Card
from sr_models.networks.config import to_json


def card_markdown(card: Card, parameters: int) -> str:
    """Return the card as Markdown. It says what was done, and nothing that was not."""
    lines = [
        f"# {card.name}",
        "",
        f"- network: {_words(to_json(card.network))}; {parameters:,} parameters",
        f"- licence: {card.licence}",
        f"- trained: {_trained(card)}",
        f"- recipe: {_words(card.recipe)}",
        f"- pictures: {_words(card.pictures)}",
        f"- measured: {_words(card.measured)}",
    ]
    return "\n".join([*lines, *(["", card.notes] if card.notes else []), ""])


def _trained(card: Card) -> str:
    recipe = card.recipe
    if "steps_done" not in recipe:
        return "not stated"
    crops = f"{recipe['batch']} crops of {recipe['crop_px']} px"
    return f"{recipe['steps_done']} steps of {crops}, {card.seconds / 60:.1f} minutes, {card.machine}"


def _words(values: Mapping[str, Any]) -> str:
    return (
        ", ".join(f"{name} {_word(value)}" for name, value in values.items() if value is not None)
        or "not stated"
    )


def _word(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({_words(value)})"
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
