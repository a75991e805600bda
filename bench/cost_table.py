"""How a profile reads in a table: the same words and digits in every report format."""

from bench.cost import BUDGET_SECONDS, MAX_REPEATS, MIN_REPEATS
from bench.profile import Profile

COST_HEADINGS = (
    "Parameters (K)",
    "MACs (G)",
    "FLOPs (G)",
    "Latency (ms)",
    "IQR (ms)",
    "Peak memory (MiB)",
    "Output",
    "Device",
)


def cost_cells(profile: Profile) -> tuple[str, ...]:
    """Return what a row prints under COST_HEADINGS; what is not known is n/a."""
    return (
        _number(profile.parameters, 1e3, 1),
        _number(profile.macs, 1e9, 2),
        _number(profile.flops, 1e9, 2),
        _number(profile.latency_ms, 1, 1),
        _number(profile.latency_iqr_ms, 1, 1),
        _number(profile.peak_memory_mib, 1, 0),
        profile.output,
        f"{profile.device}, {profile.dtype}, {profile.threads} thread{'s' * (profile.threads != 1)}",
    )


def cost_notes() -> list[str]:
    """Return what a reader must know to compare these numbers with others."""
    return [
        "FLOPs = 2 MACs, of convolutions and matrix products in one pass over the whole picture",
        f"latency: uint8 picture to uint8 picture, median after warm-up of {MIN_REPEATS} to {MAX_REPEATS} "
        f"repeats within {BUDGET_SECONDS:.0f} s; IQR n/a: timed once",
        "peak memory: what a picture adds to the loaded model (allocated on CUDA, resident on Linux)",
    ]


def _number(value: float | None, unit: float, digits: int) -> str:
    if value is None:
        return "n/a"
    return "0" if value == 0 else f"{value / unit:,.{digits}f}"
