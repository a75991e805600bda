"""The means of a run as Hugging Face `.eval_results` files: one YAML file a model."""

import json
import math
from collections.abc import Iterator

from bench.analysis.results import Results
from bench.store.theirs import is_theirs


def eval_results(results: Results, hub_dataset: str) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each model's file, to be put into `.eval_results/` of its repository.

    A task is set, scale, protocol and metric; the notes hold the signature. `hub_dataset` is the Hub's
    dataset that lists these tasks. Partial and infinite means are left out.
    """
    models = dict.fromkeys(model for board in results.boards for model in board.models)
    date = (results.header.invocations[-1].started if results.header.invocations else "")[:10]
    for model in models:
        entries = [
            _entry(hub_dataset, f"{dataset}_x{board.scale}_{board.protocol}_{metric}", cell.mean, date, notes)
            for board in results.boards
            for (name, dataset, metric), cell in sorted(board.cells.items())
            for notes in [f"LR: {board.lr}; {cell.n} pictures; {board.signatures[metric]}"]
            if name == model and cell.complete and math.isfinite(cell.mean)
        ]
        if entries and not is_theirs(model):
            yield f"{model}.yaml", "".join(entries)


def _entry(hub_dataset: str, task: str, value: float, date: str, notes: str) -> str:
    """JSON's strings are YAML's."""
    lines = ["- dataset:", f"    id: {json.dumps(hub_dataset)}", f"    task_id: {json.dumps(task)}"]
    lines += [f"  value: {value!r}"]
    lines += [f"  date: {json.dumps(date)}"] if date else []
    return "\n".join([*lines, f"  notes: {json.dumps(notes, ensure_ascii=False)}", ""])
