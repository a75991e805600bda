"""What a run says of itself: the card of its weights, and every run that led to them."""

import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch

from sr_models.data.fetch import sha256_of
from sr_models.inference.weights_file import Card
from sr_models.training.features import Phi
from sr_models.training.pack import Pack
from sr_models.training.state import RunState, config_json
from sr_models.training.validation import Validation


class Sources(NamedTuple):
    """What a run learns from."""

    pack: Pack
    targets: Pack | None
    phi: Phi | None


def run_card(state: RunState, found: Validation, sources: Sources, *, bf16: bool) -> Card:
    """Return the card of the averaged weights as they are now."""
    p, (pack, targets, phi) = state.progress, sources
    folders = Counter(picture.name.rpartition("/")[0] for picture in pack.pictures)
    done = {"steps_done": p.step, "steps_skipped": p.skipped, "rollbacks": p.rollbacks}
    measured: dict[str, Any] = {"held_out": {k: round(v, 4) for k, v in asdict(found).items()}}
    if state.config.adversary is not None:
        measured["adversarial_to_content_gradient"] = {
            "start": p.first.get("gradient_ratio"),  # none yet while D learns alone
            "end": p.last.get("gradient_ratio"),
        }
    machine = _machine(state.lr.device, bf16=bf16)
    recipe = {**config_json(state.config), **done}
    if phi is not None:
        recipe["features"] = asdict(phi.source)
    if targets is not None:
        recipe["teacher"] = dict(targets.teacher or {})
    return Card(
        name=state.config.name,
        network=state.config.network,
        recipe=recipe,
        pictures={
            "folders": dict(folders),
            "held_out": sum(picture.held_out for picture in pack.pictures),
            "digest": pack.digest(),
            "checked_against": list(pack.checked_against),
        },
        machine=machine,
        seconds=round(p.seconds, 1),
        measured=measured,
        history=(
            *p.history[:-1],
            {**_entry(recipe, machine, p.seconds), **(p.history[-1] if p.history else {})},
        ),
    )


def earlier_runs(path: Path, card: Card) -> list[dict[str, Any]]:
    """Return the history of a run that starts from the weights at path, whose card is given.

    Its last entry is the run's own, of which so far only the start is known. A card from before histories
    were recorded gives one entry, its own run.
    """
    before = [dict(entry) for entry in card.history] or [_entry(card.recipe, card.machine, card.seconds)]
    own = {"start": path.name, "start_sha256": sha256_of(path)}
    return [*before, own]


def _entry(recipe: Mapping[str, Any], machine: str, seconds: float) -> dict[str, Any]:
    """Return a run as a line of a history; what an old card's recipe does not state is None."""
    late = recipe.get("late")
    then = f", then {late['batch']} of {late['crop_px']} px" if late else ""
    return {
        "steps": recipe.get("steps_done"),
        "crops": f"{recipe.get('batch')} of {recipe.get('crop_px')} px{then}",
        "rate": recipe.get("lr", {}).get("peak"),
        "optimiser": recipe.get("optimiser", "adam"),
        "machine": machine,
        "hours": round(seconds / 3600, 3),
    }


def _machine(device: torch.device, *, bf16: bool) -> str:
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
    return f"{name}, {'bf16 autocast' if bf16 else 'fp32'}, torch {torch.__version__}"
