"""Where the numbers come from and what the models cost, as plain tables."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.cost.profile import read_profiles
from bench.page.content import Sheet
from bench.palette import label_of
from bench.store.table import read_header

_COST = {
    "model": "model", "output": "output", "parameters": "parameters", "macs": "MACs", "flops": "FLOPs",
    "latency_ms": "latency (ms)", "latency_iqr_ms": "IQR (ms)", "peak_memory_mib": "peak memory (MiB)",
    "device": "device", "dtype": "dtype", "threads": "threads",
}  # fmt: skip
_RUNS = ("started", "commit", "device", "dtype", "seconds", "computed", "failed", "versions", "command")


def sheets(folder: Path) -> list[Sheet]:
    """Return the tables behind the tables; those without rows are left out."""
    header = read_header(folder)
    found = [_cost(folder), _models(header["models"]), _invocations(header["invocations"])]
    return [sheet for sheet in found if sheet.rows]


def _cost(folder: Path) -> Sheet:
    """What `bench run --profile` measured."""
    rows: list[list[str | float | None]] = [
        [getattr(profile, fact) for fact in _COST] for profile in read_profiles(folder)
    ]
    note = "for one picture of the stated size; latency is a median"
    return Sheet("Cost", list(_COST.values()), rows, note)


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
