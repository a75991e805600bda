"""`bench run --profile`: what each model costs, in DIR/profile.csv until it is out of date."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from multiprocessing import get_context
from multiprocessing.connection import Connection

from bench.cost.measure import Candidate, Cost, device_name, lr_size, measure, quartile_range
from bench.store.rows import UNTRUSTED, Profile, key_of
from bench.store.table import Table
from sr_models.data.errors import InputError

LIMIT_SECONDS = 900.0
"""A model that is not done by then is stopped, and has no row."""
_VERSION = "1"  # of how costs are measured; a change makes every row out of date


def profile_models(
    models: Sequence[Candidate], scale: int, table: Table[Profile], *, force: bool = False
) -> Iterator[tuple[Candidate, str]]:
    """Measure what is missing or out of date and add it to the table.

    Yields who was measured, and what failed ('' if nothing did).
    """
    for candidate in models:
        blank = _blank(candidate, scale)
        row = table.get(blank.identity)
        if row is not None and row.key == blank.key != UNTRUSTED and not force:
            continue
        try:
            cost = _in_a_process(candidate, scale)
        except InputError as error:
            yield candidate, f"profile of {candidate.name}: {error}"
            continue
        table.add([_filled(blank, cost)])
        yield candidate, ""


def _blank(candidate: Candidate, scale: int) -> Profile:
    """Return the row with identity and key but no measurement."""
    import torch

    width, height = (side * scale for side in lr_size(scale))
    where = (f"{width}x{height}", device_name(candidate.device), candidate.dtype)
    threads = torch.get_num_threads()
    parts = (
        candidate.version,
        scale,
        *where,
        threads,
        candidate.self_ensemble,
        version("torch"),
        _VERSION,
    )
    key = UNTRUSTED if candidate.version is None else key_of(*parts)
    return Profile(candidate.name, scale, *where, threads, None, None, None, 0.0, None, None, key)


def _filled(blank: Profile, cost: Cost) -> Profile:
    return replace(
        blank,
        parameters=cost.parameters,
        macs=None if cost.flops is None else cost.flops // 2,
        flops=cost.flops,
        latency_ms=round(statistics.median(cost.latencies_ms), 3),
        latency_iqr_ms=_rounded(quartile_range(cost.latencies_ms), 3),
        peak_memory_mib=_rounded(cost.peak_memory_mib, 1),
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _in_a_process(candidate: Candidate, scale: int) -> Cost:
    """Return the cost, measured in a fresh process that is ended when it takes too long."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(candidate, scale, theirs))
    process.start()
    theirs.close()
    try:
        if not ours.poll(LIMIT_SECONDS):
            raise InputError(f"one picture takes over {LIMIT_SECONDS:.0f} s: stopped")
        answer = ours.recv()
    except EOFError:
        raise InputError("its process died, perhaps for want of memory") from None
    finally:
        process.kill()
        process.join()
    if isinstance(answer, str):
        raise InputError(answer)
    return answer  # type: ignore[no-any-return]


def _child(candidate: Candidate, scale: int, answer: Connection) -> None:
    try:
        answer.send(measure(candidate, scale))
    except Exception as error:  # noqa: BLE001 (a model is anybody's code)
        kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        answer.send(f"{kind}{error}")
