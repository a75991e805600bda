"""How profiles read in a table: the same words and digits in every report format."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.cost.measure import BUDGET_SECONDS, MAX_REPEATS, MIN_REPEATS
from bench.store.rows import Profile

_HEADINGS = (
    "Parameters (K)",
    "MACs (G)",
    "FLOPs (G)",
    "Latency (ms)",
    "IQR (ms)",
    "Peak memory (MiB)",
)


@dataclass(frozen=True)
class CostTable:
    """Headings, rows and notes as text; what is not known is n/a."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def cost_table(profiles: Sequence[Profile]) -> CostTable:
    """Return the table of some profiles. What all share (output, device) is a note, else a column."""
    wheres = [_where(each) for each in profiles]
    differ = len(set(wheres)) > 1
    rows = [
        (each.model, *_cells(each), *([where] if differ else []))
        for each, where in zip(profiles, wheres, strict=True)
    ]
    notes = (
        "FLOPs = 2 MACs, of convolutions and matrix products in one pass over the whole picture",
        f"latency: uint8 picture to uint8 picture, median after warm-up of {MIN_REPEATS} to {MAX_REPEATS} "
        f"repeats within {BUDGET_SECONDS:.0f} s; IQR n/a: timed once",
        "peak memory: what a picture adds to the loaded model (allocated on CUDA, resident on Linux)",
    )
    headings = ("model", *_HEADINGS, *(["Output, device"] if differ else []))
    return CostTable(headings, tuple(rows), notes if differ else (f"one picture of {wheres[0]}", *notes))


def _where(profile: Profile) -> str:
    threads = f"{profile.threads} thread{'s' * (profile.threads != 1)}"
    return f"{profile.output}, {profile.device}, {profile.dtype}, {threads}"


def _cells(profile: Profile) -> tuple[str, ...]:
    return (
        _number(profile.parameters, 1e3, 1),
        _number(profile.macs, 1e9, 2),
        _number(profile.flops, 1e9, 2),
        _number(profile.latency_ms, 1, 1),
        _number(profile.latency_iqr_ms, 1, 1),
        _number(profile.peak_memory_mib, 1, 0),
    )


def _number(value: float | None, unit: float, digits: int) -> str:
    if value is None:
        return "n/a"
    return "0" if value == 0 else f"{value / unit:,.{digits}f}"
