"""Where the numbers come from and what the models cost, as plain tables."""

import csv
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.colours import label_of
from bench.page.content import Sheet
from bench.store import read_header
from sr_models.data.errors import InputError

_COST = {
    "model": "model", "output": "output", "parameters": "parameters", "macs": "MACs", "flops": "FLOPs",
    "latency_ms": "latency (ms)", "latency_iqr_ms": "IQR (ms)", "peak_memory_mib": "peak memory (MiB)",
    "device": "device", "dtype": "dtype", "threads": "threads",
}  # fmt: skip
_RUNS = ("started", "commit", "device", "dtype", "seconds", "computed", "failed", "versions", "command")
_NUMBERS = ("parameters", "macs", "flops", "latency_ms", "latency_iqr_ms", "peak_memory_mib", "threads")


def sheets(folder: Path) -> list[Sheet]:
    """Return the tables behind the tables; those without rows are left out."""
    header = read_header(folder)
    found = [_cost(folder), _models(header["models"]), _invocations(header["invocations"])]
    return [sheet for sheet in found if sheet.rows]


def _cost(folder: Path) -> Sheet:
    """What `bench run --profile` measured: profile.csv."""
    path = folder / "profile.csv"
    rows: list[list[str | float | None]] = []
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                try:
                    rows.append([_cost_cell(name, row[name]) for name in _COST])
                except (KeyError, ValueError) as error:
                    raise InputError(f"{path}, line {number}: {', '.join(_COST)} wanted ({error})") from error
    return Sheet(
        "Cost", list(_COST.values()), rows, "for one picture of the stated size; latency is a median"
    )


def _cost_cell(name: str, text: str) -> str | float | None:
    if name not in _NUMBERS:
        return text
    return float(text) if text not in ("", "None") else None


def _models(models: Mapping[str, Mapping[str, Any]]) -> Sheet:
    """Every fact that run.json keeps of a model, whatever facts those are."""
    facts = list(dict.fromkeys(fact for known in models.values() for fact in known))
    rows: list[list[str | float | None]] = [
        [name, label_of(name), *(_text(known.get(fact)) for fact in facts)] for name, known in models.items()
    ]
    note = "version: the code's version, or the SHA-256 of the weights (first digits)"
    return Sheet("Models", ["model", "label", *facts], rows, note)


def _invocations(invocations: list[Mapping[str, Any]]) -> Sheet:
    """What was run, when, where and with what. Failures have a column only if there were any."""
    rows = [_invocation(each) for each in invocations]
    heads = [head for head in _RUNS if head != "failed" or any(row[head] for row in rows)]
    return Sheet("Runs", heads, [[row[head] for head in heads] for row in rows])


def _invocation(each: Mapping[str, Any]) -> dict[str, str | float | None]:
    return {
        "started": _text(each.get("started")),
        "commit": _text(each.get("commit")),
        "device": _text(each.get("device")),
        "dtype": _text(each.get("dtype")),
        "seconds": each.get("seconds"),
        "computed": each.get("scores", {}).get("computed"),
        "failed": "\n".join(map(str, each.get("failures", []))),
        "versions": _text(each.get("versions")),
        "command": shlex.join(map(str, each.get("command", []))),
    }


def _text(value: object) -> str:
    """Return a fact of run.json as a reader wants it: {"kind": "cpu"} is "kind cpu"."""
    match value:
        case None:
            return ""
        case dict():
            return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
        case list():
            return ", ".join(_text(item) for item in value)
    return str(value)
