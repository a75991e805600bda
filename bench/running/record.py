"""What run.json says of a run: command, versions, commit, machine, models and datasets."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from bench.running.entrants import Entrant
from bench.running.request import Request, Summary
from bench.store.header import (
    Counts,
    DatasetFacts,
    Device,
    Invocation,
    ModelFacts,
    read_header,
    write_header,
)
from sr_models.data.dataset import Picture


def record_run(
    request: Request,
    stated: Mapping[str, str],
    datasets: Mapping[str, Sequence[Picture]],
    entrants: Sequence[Entrant],
    summary: Summary,
    started: float,
) -> None:
    """Add an entry for this run to run.json, and what is known of its models, metrics and datasets."""
    header = read_header(request.results)
    invocation = Invocation(
        command=["bench", *sys.argv[1:]] if Path(sys.argv[0]).name == "bench" else ["bench.run"],
        started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        seconds=round(time.time() - started, 3),
        commit=commit(),
        versions=_versions(),
        device=Device(device_kind(request.device), platform.machine(), os.cpu_count()),
        dtype=request.dtype,
        jobs=request.jobs,
        scores=Counts(summary.computed, summary.reused, summary.replaced),
        failures=summary.failures,
        unavailable=summary.unavailable,
    )
    own = {spec.partition("=")[0] for spec in request.datasets if "=" in spec}
    facts = {
        name: DatasetFacts(len(found), {p.image: p.sha256[:16] for p in found} if name in own else {})
        for name, found in datasets.items()
    }
    models = {each.name: ModelFacts(each.text, each.version) for each in entrants}
    write_header(
        request.results,
        msgspec.structs.replace(
            header,
            invocations=[*header.invocations, invocation],
            models=header.models | models,
            metrics=header.metrics | dict(stated),
            datasets=header.datasets | facts,
        ),
    )


def device_kind(device: str) -> str:
    """Return cpu, cuda or mps: what a score may depend on in its last digits."""
    if device != "auto":
        return device.partition(":")[0]  # it may be another machine's
    if _is_without_gpu():
        return "cpu"  # without importing torch, which takes longer than a run that computes nothing
    from sr_models.inference.torch_upscaler import pick_device

    return pick_device(device).type


def check_devices(devices: Sequence[str]) -> None:
    """Raise InputError for a device that this machine has not got."""
    for device in devices:
        if device not in ("auto", "cpu"):
            from sr_models.inference.torch_upscaler import pick_device

            pick_device(device)


def _is_without_gpu() -> bool:
    """Whether no driver is here that torch could use; False where that cannot be told this way."""
    drivers = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # CUDA, ROCm, Windows' Linux
    return sys.platform == "linux" and not any(Path(each).exists() for each in drivers)


def commit() -> str | None:
    """Return the commit of the checkout this code runs from, `-dirty` if changed; None outside one."""
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():  # installed, perhaps inside another project's repository
        return None
    try:
        head = _git(checkout, "rev-parse", "--short=12", "HEAD")
        changed = _git(checkout, "status", "--porcelain", "--", "bench", "sr_models", "datasets")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{head}-dirty" if changed else head


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=10).stdout.strip()  # noqa: S603


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("srmos", "numpy", "scipy", "pillow", "torch", "torchvision", "piq"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
