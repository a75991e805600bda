"""Where the numbers come from and what the models cost, as plain tables."""

import shlex
from collections.abc import Mapping, Sequence

from bench.analysis.results import Results
from bench.page.content import Sheet
from bench.store.header import Invocation, ModelFacts

_COST = {
    "model": "model", "output": "output", "parameters": "parameters", "macs": "MACs", "flops": "FLOPs",
    "latency_ms": "latency (ms)", "latency_iqr_ms": "IQR (ms)", "peak_memory_mib": "peak memory (MiB)",
    "device": "device", "dtype": "dtype", "threads": "threads",
}  # fmt: skip
_RUNS = ("started", "commit", "device", "dtype", "seconds", "computed", "failed", "versions", "command")


def sheets(results: Results) -> list[Sheet]:
    """Return the tables behind the tables; those without rows are left out."""
    header = results.header
    found = [_cost(results), _models(header.models), _invocations(header.invocations)]
    return [sheet for sheet in found if sheet.rows]


def _cost(results: Results) -> Sheet:
    """What `bench run --profile` measured."""
    rows: list[list[str | float | None]] = [
        [getattr(profile, fact) for fact in _COST] for profile in results.profiles
    ]
    note = "for one picture of the stated size; latency is a median"
    return Sheet("Cost", list(_COST.values()), rows, note)


def _models(models: Mapping[str, ModelFacts]) -> Sheet:
    rows: list[list[str | float | None]] = [
        [name, known.spec, known.version or ""] for name, known in models.items()
    ]
    note = "version: the code's version, or the SHA-256 of the weights (first digits)"
    return Sheet("Models", ["model", "spec", "version"], rows, note)


def _invocations(invocations: Sequence[Invocation]) -> Sheet:
    """What was run, when, where and with what. Failures have a column only if there were any."""
    rows = [_invocation(each) for each in invocations]
    heads = [head for head in _RUNS if head != "failed" or any(row[head] for row in rows)]
    return Sheet("Runs", heads, [[row[head] for head in heads] for row in rows])


def _invocation(each: Invocation) -> dict[str, str | float | None]:
    device = each.device
    parts = [("kind", device.kind), ("machine", device.machine), ("cores", device.cores)]
    return {
        "started": each.started,
        "commit": each.commit or "",
        "device": ", ".join(f"{what} {value}" for what, value in parts if value),
        "dtype": each.dtype,
        "seconds": each.seconds,
        "computed": each.scores.computed,
        "failed": "\n".join(each.failures),
        "versions": ", ".join(f"{package} {version}" for package, version in each.versions.items()),
        "command": shlex.join(each.command),
    }
