"""`bench run --profile`: what each model costs, in DIR/profile.csv until it is out of date."""

import hashlib
import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from bench.cost.measure import Cost, device_name, lr_size, measure, quartile_range
from bench.running.entrants import ModelEntrant
from bench.store.table import Table
from sr_models.data.errors import InputError

LIMIT_SECONDS = 900.0
"""A model that is not done by then is stopped, and has no row."""
_VERSION = "1"  # of how costs are measured; a change makes every row out of date
_UNTRUSTED = "0" * 12


@dataclass(frozen=True, order=True)
class Profile:
    """One row of profile.csv: what one model needs for one picture on one device."""

    model: str
    scale: int
    output: str
    """Width x height of the output, 1280x720 or, where the scale does not divide that, just above."""
    device: str
    """The name of the machine's device."""
    dtype: str
    threads: int
    parameters: int | None
    """0: not a network. None: the model's file does not tell."""
    macs: int | None
    """Multiply-accumulates of convolutions and matrix products; None: not a torch network."""
    flops: int | None
    """2 * macs: a multiplication and an addition each."""
    latency_ms: float
    """Median from uint8 picture to uint8 picture, after warm-up."""
    latency_iqr_ms: float | None
    """None: timed once, because one picture takes over 10 s."""
    peak_memory_mib: float | None
    """What a picture adds to the loaded model's memory; None: the platform does not tell."""
    key: str
    """12 hex digits over everything that could change the row."""

    @property
    def identity(self) -> tuple[object, ...]:
        """What is unique in a table: a model at a scale on a device, in a dtype, with so many threads."""
        return (self.model, self.scale, self.output, self.device, self.dtype, self.threads)


def profiles_table(folder: Path) -> Table[Profile]:
    """Return the profiles of a results folder, journal included."""
    return Table(folder / "profile.csv", Profile)


def read_profiles(folder: Path) -> list[Profile]:
    """Return the profiles of a results folder, sorted; none if `--profile` never ran there."""
    return list(profiles_table(folder))


def profile_models(
    entrants: Sequence[ModelEntrant], scale: int, table: Table[Profile], *, force: bool = False
) -> Iterator[tuple[ModelEntrant, str]]:
    """Measure what is missing or out of date and add it to the table.

    Yields who was measured, and what failed ('' if nothing did).
    """
    for entrant in entrants:
        blank = _blank(entrant, scale)
        row = table.get(blank.identity)
        if row is not None and row.key == blank.key != _UNTRUSTED and not force:
            continue
        try:
            cost = _in_a_process(entrant, scale)
        except InputError as error:
            yield entrant, f"profile of {entrant.name}: {error}"
            continue
        table.add([_filled(blank, cost)])
        yield entrant, ""


def _blank(entrant: ModelEntrant, scale: int) -> Profile:
    """Return the row with identity and key but no measurement."""
    import torch

    width, height = (side * scale for side in lr_size(scale))
    where = (f"{width}x{height}", device_name(entrant.running.device), entrant.running.dtype)
    threads = torch.get_num_threads()
    parts = (
        entrant.version,
        scale,
        *where,
        threads,
        entrant.running.self_ensemble,
        version("torch"),
        _VERSION,
    )
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
    key = _UNTRUSTED if entrant.version is None else digest
    return Profile(entrant.name, scale, *where, threads, None, None, None, 0.0, None, None, key)


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


def _in_a_process(entrant: ModelEntrant, scale: int) -> Cost:
    """Return the cost, measured in a fresh process that is ended when it takes too long."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(entrant, scale, theirs))
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


def _child(entrant: ModelEntrant, scale: int, answer: Connection) -> None:
    try:
        answer.send(measure(entrant, scale))
    except Exception as error:  # noqa: BLE001 (a model is anybody's code)
        kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        answer.send(f"{kind}{error}")
