"""run.json: where the numbers of a results folder come from."""

from pathlib import Path

import msgspec

from sr_models.data.errors import InputError
from sr_models.data.image import write_bytes


class Device(msgspec.Struct, frozen=True):
    """What networks ran on."""

    kind: str = ""
    """cpu, cuda or mps."""
    machine: str = ""
    cores: int | None = None


class Counts(msgspec.Struct, frozen=True):
    """How many scores an invocation dealt with."""

    computed: int = 0
    reused: int = 0
    replaced: int = 0
    """Of the computed ones, those that took the place of a row that no longer held."""


class Invocation(msgspec.Struct, frozen=True):
    """One `bench run`, from the command line or from Python."""

    command: list[str] = []
    started: str = ""
    """UTC, as 2026-01-01T00:00:00Z."""
    seconds: float | None = None
    commit: str | None = None
    versions: dict[str, str] = {}
    device: Device = Device()
    dtype: str = ""
    jobs: int = 1
    scores: Counts = Counts()
    failures: list[str] = []
    unavailable: dict[str, str] = {}


class ModelFacts(msgspec.Struct, frozen=True):
    """What is known of a model that was run."""

    spec: str = ""
    """What the user wrote, or what kind of entrant it is."""
    version: str | None = None
    """Of its code, or the first digits of its weights' SHA-256."""


class DatasetFacts(msgspec.Struct, frozen=True):
    """What a dataset was when it was last run."""

    count: int
    """Its pictures, whether they were scored or not."""
    pictures: dict[str, str] = {}
    """Of a folder of the user's own: image -> SHA-256 of the file (first 16 digits)."""


class Header(msgspec.Struct, frozen=True):
    """What run.json holds."""

    invocations: list[Invocation]
    models: dict[str, ModelFacts]
    metrics: dict[str, str] = {}
    """What signatures say of the weights that a metric was computed with."""

    datasets: dict[str, DatasetFacts] = {}

    def label(self) -> str:
        """Return which run tables name: the last invocation that computed anything, by time and commit."""
        computing = [each for each in self.invocations if each.scores.computed]
        last = computing[-1] if computing else Invocation()
        return f"{last.started or 'unknown time'}, commit {last.commit or 'unknown'}"


def read_header(folder: Path) -> Header:
    """Return what run.json says; an empty header where there is no such file."""
    path = folder / "run.json"
    if not path.exists():
        return Header([], {})
    try:
        return msgspec.json.decode(path.read_bytes(), type=Header)
    except msgspec.DecodeError as error:
        raise InputError(
            f"{path} is not a run's header: expected invocations (a list) and models (a table), got: {error}"
        ) from None


def write_header(folder: Path, header: Header) -> None:
    """Write run.json."""
    text = msgspec.json.format(msgspec.json.encode(header), indent=1)
    write_bytes(folder / "run.json", text + b"\n")
