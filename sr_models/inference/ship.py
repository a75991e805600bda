"""From the weights of a run to the file that ships: half precision, scores in the card."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from sr_models.data.errors import InputError
from sr_models.data.image import write_bytes
from sr_models.inference.card import card_markdown
from sr_models.inference.weights_file import Card, load_network, save_weights
from sr_models.networks.config import started_alike


def ship(weights: Sequence[Path], out: Path, *, scores: Path | None = None, notes: str | None = None) -> Card:
    """Write weights as fp16 to out and their card to out's .md; return the card.

    Several weights, such as neighbouring snapshots of one run or runs from one start, are averaged; the card
    is then the last one's, with the runs of all, says which steps were averaged, and drops what was measured
    of one of them. scores is a scores.csv of `bench run`, made with exactly these weights (fp16: ship, run,
    ship again); notes are for the card.
    """
    network, card = _average(weights)
    if scores is not None:
        card = replace(card, measured={**card.measured, "scores": mean_scores(scores, out.stem)})
    if notes is not None:
        card = replace(card, notes=notes)
    card = replace(card, name=out.stem)
    save_weights(out, network, card, half=True)
    text = card_markdown(card, sum(p.numel() for p in network.parameters()))
    write_bytes(out.with_suffix(".md"), text.encode())
    return card


def _average(paths: Sequence[Path]) -> tuple[nn.Module, Card]:
    """Return the network whose every weight is the mean over the files, and its card."""
    loaded = [load_network(path) for path in paths]
    network, card = loaded[-1]
    if len(loaded) == 1:
        return network, card
    for path, (_, other) in zip(paths, loaded, strict=True):
        if started_alike(other.network) != started_alike(card.network):
            raise InputError(f"{path}: {other.network} cannot be averaged with {card.network}")
    states = [each.state_dict() for each, _ in loaded]
    floats = [name for name, value in states[0].items() if value.is_floating_point()]
    means = {name: torch.stack([state[name].double() for state in states]).mean(0).float() for name in floats}
    network.load_state_dict(means, strict=False)
    steps = [each.recipe.get("steps_done") for _, each in loaded]
    runs = [run for _, each in loaded for run in each.history]
    history = tuple(run for index, run in enumerate(runs) if run not in runs[:index])
    recipe = {**card.recipe, "averaged_at_steps": steps}
    return network, replace(card, recipe=recipe, history=history, measured={})


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
