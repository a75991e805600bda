"""From the weights of a run to the file that ships: half precision, scores in the card."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from sr_models.data.errors import InputError
from sr_models.data.image import write_bytes
from sr_models.inference.card import card_markdown
from sr_models.inference.weights_file import Card, load_network, save_weights


def ship(weights: Path, out: Path, *, scores: Path | None = None, notes: str | None = None) -> Card:
    """Write weights as fp16 to out and their card to out's .md; return the card.

    scores is a scores.csv of `bench run`, made with exactly these weights (as fp16: ship, run, ship
    again); notes replaces the card's.
    """
    network, card = load_network(weights)
    if scores is not None:
        card = replace(card, measured={**card.measured, "scores": mean_scores(scores, out.stem)})
    if notes is not None:
        card = replace(card, notes=notes)
    card = replace(card, name=out.stem)
    save_weights(out, network, card, half=True)
    text = card_markdown(card, sum(p.numel() for p in network.parameters()))
    write_bytes(out.with_suffix(".md"), text.encode())
    return card


def mean_scores(path: Path, model: str) -> Mapping[str, Any]:
    """Return {protocol: {dataset: {metric: mean}}} of a model's rows in a scores.csv."""
    try:
        table = pd.read_csv(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    mine = table[table["model"] == model]
    if mine.empty:
        raise InputError(f"{path} has no scores of {model}; it has {', '.join(sorted(set(table['model'])))}")
    if several := [what for what in ("scale", "lr") if mine[what].nunique() > 1]:
        raise InputError(
            f"{path} has scores of {model} at more than one {' and '.join(several)}: "
            "give a file of one `bench run`"
        )
    means: dict[str, dict[str, dict[str, float]]] = {}
    averages = mine.groupby(["protocol", "dataset", "metric"], as_index=False)["value"].mean()
    for protocol, dataset, metric, value in averages.itertuples(index=False):
        means.setdefault(protocol, {}).setdefault(dataset, {})[metric] = round(float(value), 4)
    return means
