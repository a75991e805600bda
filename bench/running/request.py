"""What a run is asked for, and how it went."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.metric import METRICS, with_parts
from bench.perceptual.weights import check_weights
from bench.protocols.presets import protocol
from bench.running.entrants import Entrant
from bench.running.ratings import Joined
from bench.running.shards import Shard
from bench.store.rows import ROUNDED_16
from sr_models.data.dataset import STORED
from sr_models.data.degrade import degradation
from sr_models.data.errors import InputError

SLURM = "slurm"
_SCHEMES = ("tcp://", "tls://", "ws://", "wss://")
DTYPES = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class Request:
    """What a run is asked for; the defaults are the README's main job."""

    results: Path
    datasets: tuple[str, ...] = ("sample",)
    """Names, or NAME=FOLDER of pictures: HR, or LR where `lr_only` says so."""
    models: tuple[str | Entrant, ...] = ()
    """Names, NAME=SPEC, `all`, or entrants; empty: every built-in model that is not slow."""
    outputs: tuple[str, ...] = ()
    """Published sets by name, or NAME=FOLDER."""
    pattern: str | None = None
    """File name of one output, from {dataset} {scale} {image} {name}."""
    scale: int = 4
    lr: str = "matlab"
    lr_only: bool = False
    """Folders of the user's own hold LR pictures without originals."""
    protocols: tuple[str, ...] = ("matlab",)
    metrics: tuple[str, ...] = ("psnr", "ssim")
    device: str = "auto"
    devices: tuple[str, ...] = ()
    """Several devices of this machine, `jobs` processes each; empty: `device` alone."""
    dtype: str = "fp32"
    self_ensemble: bool = False
    crop_multiple: int | None = None
    """HR is cropped to a multiple of this; None: of the scale."""
    round_16_bit: bool = False
    """Files of 16 bits a sample are read by rounding; else they are refused."""
    limit: int | None = None
    """Only the first pictures of each dataset; None: all."""
    jobs: int = 1
    weights_dir: Path | None = None
    """A folder of parameter files that metrics need; torch's cache is searched, too."""
    profile: bool = False
    """Also measure what each model costs."""
    force: bool = False
    """Compute everything anew."""
    cluster: str = ""
    """The address of a Dask scheduler, or slurm; empty: this machine."""
    slurm: Mapping[str, str] = field(default_factory=dict)
    """sbatch options by submitit's names."""
    shard: Shard | None = None
    """The part of the pictures that this run is about; None: all, and parts that are there are folded in."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", with_parts(self.metrics))

    @property
    def multiple(self) -> int | None:
        """The crop multiple where it is not the scale."""
        return None if self.crop_multiple == self.scale else self.crop_multiple

    def variant_of(self, entrant: Entrant) -> str:
        """Return what differs from the entrant as published, for tables and folders."""
        crop = f"multiple{self.multiple}" if self.multiple is not None else ""
        rounded = ROUNDED_16 if self.round_16_bit else ""
        return "+".join(part for part in (crop, rounded, entrant.variant) if part)

    def check(self) -> None:
        """Raise InputError for a value that cannot be meant, before any picture is read or fetched."""
        for name in ("scale", "jobs", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name}: expected a whole number from 1, got {value}")
        multiple = self.crop_multiple
        if multiple is not None and (multiple < 1 or multiple % self.scale):
            raise InputError(f"crop multiple: expected a multiple of the scale {self.scale}, got {multiple}")
        if self.lr_only and not any("=" in spec for spec in self.datasets):
            raise InputError("lr-only: expected a set of your own, NAME=FOLDER of LR pictures")
        self._check_where()
        if self.dtype not in DTYPES:
            raise InputError(f"dtype: expected {', '.join(DTYPES)}, got {self.dtype}")
        if self.lr != STORED:
            degradation(self.lr)
        for name in self.protocols:
            protocol(name)
        for name in self.metrics:
            METRICS[name]
        check_weights(self.weights_dir)

    def _check_where(self) -> None:
        kinds = list(dict.fromkeys(device.partition(":")[0] for device in self.devices))
        if len(set(self.devices)) < len(self.devices) or len(kinds) > 1 or "auto" in kinds[1:]:
            raise InputError(
                "device: expected several different devices of one kind, such as cuda:0 cuda:1, "
                f"got {' '.join(self.devices)}"
            )
        if self.cluster and len(self.devices) > 1:
            raise InputError("device: expected one with --cluster, where each worker has its own")
        if self.cluster and self.cluster != SLURM and not self.cluster.startswith(_SCHEMES):
            raise InputError(
                f"cluster: expected tcp://HOST:PORT of a Dask scheduler, or slurm, got {self.cluster!r}"
            )
        if self.slurm and self.cluster != SLURM:
            raise InputError("slurm: options such as partition=gpu need --cluster slurm")
        if self.shard and self.profile:
            raise InputError("profile: models are measured once, not in every shard: profile without --shard")


@dataclass
class Summary:
    """How a run went."""

    computed: int = 0
    """Scores that were computed, ..."""
    reused: int = 0
    """... that were there already and still hold, ..."""
    replaced: int = 0
    """... and of the computed ones, those that replaced a row whose key no longer matched."""
    failures: list[str] = field(default_factory=list)
    """One sentence for each picture or model that could not be scored."""
    unavailable: dict[str, str] = field(default_factory=dict)
    """Metrics that cannot be computed here, and why."""
    not_applicable: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """(metric, why) -> pictures that have no value."""
    dropped: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """(model or dataset, why) -> pictures whose rows were dropped, because they no longer hold."""
    passed_over: list[str] = field(default_factory=list)
    """Pictures in the user's folders that were not taken, and why."""
    profiled: int = 0
    """Models whose cost was measured."""
    joined: Joined | None = None
    """What people said of the pictures, where ratings were given."""
    folded: int = 0
    """Shards that were folded in before."""
