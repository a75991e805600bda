"""The trainer: one loop, from a recipe and a pack to weights with a card."""

import logging
import math
import platform
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from sr_models.checkpoint import Card, load_network, save_weights
from sr_models.crops import CropSource, crop_source, gather
from sr_models.data.errors import InputError
from sr_models.features import load_features
from sr_models.pack import Pack
from sr_models.recipes import TrainConfig
from sr_models.run_state import Progress, RunState, config_json, load_state, new_state, save_state, start_from
from sr_models.steps import METERS, Stepper, new_stepper, step
from sr_models.torch_upscaler import LumaTorchUpscaler, TorchUpscaler, pick_device
from sr_models.training_log import TrainingLog, draw_health
from sr_models.validation import HeldOut, Validation, held_out, validate, write_samples
from sr_models.world import World, join_world, leave_world

log = logging.getLogger(__name__)

STATE, STABLE, BEST, LAST = "state.safetensors", "stable.safetensors", "best.safetensors", "last.safetensors"
_STREAK_LIMIT = 20
"""Non-finite steps in a row after which the run goes back to its last checkpoint at half the lr."""
_ROLLBACK_LIMIT = 3
_GRAPH_AFTER = 12
"""Steps made one kernel at a time before CUDA captures one: libraries choose their algorithms meanwhile."""


@dataclass(frozen=True)
class TrainOptions:
    """How a run is carried out; TrainConfig says what is trained."""

    device: str = "auto"
    precision: str = "auto"
    """`fp32`, `bf16` (autocast), or `auto`: bf16 where the hardware multiplies it."""
    resume: Path | None = None
    """Checkpoint to go on from: usually out/state.safetensors."""
    start: Path | None = None
    """Weights the generator starts from, instead of the shipped ones config.start names."""
    vgg: Path | None = None
    feature_scale: float | None = None
    log_every: int = 50
    validate_every: int = 500
    graph: bool = True
    """On CUDA, replay each step as one graph."""
    quiet: bool = False


def train(config: TrainConfig, pack: Pack, out: Path, options: TrainOptions) -> Path:
    """Train and return the path of the weights to ship: out/best.safetensors or out/last.safetensors.

    A run that SIGTERM or Ctrl-C stops saves itself and raises KeyboardInterrupt; `resume` goes on
    bit for bit (on the CPU).
    """
    world = join_world()
    try:
        return _train(config, pack, out, options, world)
    finally:
        leave_world(world)


def _train(config: TrainConfig, pack: Pack, out: Path, options: TrainOptions, world: World) -> Path:
    device = pick_device(options.device)
    state = _begin(config, out, options, device)
    source = crop_source(pack, config.crop_px)
    phi = None
    if config.content != "mse":
        phi = load_features(config.content, options.vgg, options.feature_scale).to(device)
    stepper = new_stepper(state, phi, bf16=wants_bf16(options.precision, device), world=world)
    feed = Feed(pack, source, stepper, world, graph=options.graph)
    pairs = held_out(pack, config.network.scale)
    journal = TrainingLog(out, state.progress.step) if world.first else None
    clock = Clock(config.steps, config.minutes, state.progress.seconds)
    bar = tqdm(initial=state.progress.step, total=None if config.minutes else config.steps, unit="step",
               desc=config.name, disable=options.quiet or not world.first)  # fmt: skip

    with stop_signals() as stopped:
        while not clock.over(state.progress):
            first, before = state.progress.step, clock.position(state.progress.step, state.progress)
            count = _chunk(state.progress.step, config, options)
            rates = [clock.rate(config, first + k, state.progress) for k in range(count)]
            feed.load(first, rates)
            for _ in range(count):
                feed.step()
                state.progress.step += 1
                bar.update()
                if world.size == 1 and stopped():
                    break
            meters = _read_meters(stepper, state.progress.step - first)  # waits for the device, once a chunk
            clock.tick(state.progress, world)
            if _roll_back(stepper, out, world):
                continue
            if journal is not None:
                _log_chunk(journal, state, meters, rates[0], bar)
            stop = world.largest(float(stopped())) > 0
            if before < config.lr.stay <= clock.position(state.progress.step, state.progress) and world.first:
                save_state(state, out / STABLE)  # a longer run can go on from before the decay
            due = state.progress.step % options.validate_every == 0 or clock.over(state.progress)
            if (due or stop) and world.first:
                if journal is not None and due:
                    _validate(state, pairs, pack, out, journal)
                save_state(state, out / STATE)
            if stop:
                bar.close()
                raise KeyboardInterrupt
    bar.close()
    if journal is not None:
        journal.close()
    return out / (BEST if config.best_by == "psnr" else LAST)


class Feed:
    """Brings each step its crops and rates: tables on the device for a chunk of steps, read by a counter there.

    On CUDA a step is captured as one graph after a while; what cannot be captured goes on kernel by kernel.
    """

    def __init__(self, pack: Pack, source: CropSource, stepper: Stepper, world: World, *, graph: bool) -> None:
        self.source, self.stepper, self.world = source, stepper, world
        self.device = stepper.state.lr.device
        pixels = torch.from_numpy(pack.pixels())
        self.resident = _fits(pixels, self.device)
        self.pixels = pixels.to(self.device) if self.resident else pixels
        self.plan = torch.empty(0)
        self.rates = torch.empty(0)
        self.counter = torch.zeros(1, dtype=torch.int64, device=self.device)
        self.taken = 0
        self.replay: Callable[[], None] | None = None
        self.capture = graph and self.device.type == "cuda" and self.resident and world.size == 1
        if graph and self.device.type == "cuda" and not self.capture:
            log.info("no CUDA graph: %s", "the pictures do not fit" if world.size == 1 else "several processes")

    def load(self, first: int, rates: list[tuple[float, float]]) -> None:
        """Put the crops and (lr, ema weight) of the steps from `first` on the device."""
        config = self.stepper.state.config
        plan = self.source.plan(config.seed, first, len(rates), config.batch)
        mine = np.ascontiguousarray(plan[:, self.world.rank :: self.world.size])
        if mine.shape[1] == 0:
            raise InputError(f"a batch of {config.batch} cannot be shared by {self.world.size} processes")
        self._fill("plan", torch.from_numpy(mine))
        self._fill("rates", torch.tensor(rates, dtype=torch.float32))
        self.counter.zero_()

    def step(self) -> None:
        """Make one step."""
        if self.replay is not None:
            self.replay()
        elif self.capture and self.taken >= _GRAPH_AFTER:
            self._capture_graph()
        else:
            self._eager()
        self.taken += 1

    def _eager(self) -> None:
        s = self.stepper
        row = self.rates.index_select(0, self.counter)[0]
        s.state.lr.copy_(row[0])
        s.ema_weight.copy_(row[1])
        crop_px = s.state.config.crop_px
        if self.resident:
            crops = gather(self.pixels, self.plan.index_select(0, self.counter)[0], crop_px)
        else:
            plan = self.plan.index_select(0, self.counter)[0].cpu()
            crops = gather(self.pixels, plan, crop_px).to(self.device)
        step(s, crops)
        self.counter.add_(1)

    def _capture_graph(self) -> None:
        """Capture one step; then make it. Capturing runs nothing, so no step is made twice."""
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self._eager()
        except RuntimeError as error:
            log.warning("CUDA cannot capture a step (%s): going on kernel by kernel", str(error).splitlines()[0])
            self.capture = False
            torch.cuda.synchronize()
            self._eager()
            return
        log.info("each step is now one CUDA graph")
        self.replay = graph.replay
        self.replay()

    def _fill(self, name: str, table: Tensor) -> None:
        """Copy table into the tensor of that name; its address stays, because a graph reads from there."""
        old: Tensor = getattr(self, name)
        if old.shape[1:] != table.shape[1:] or len(old) < len(table):
            if self.replay is not None:
                raise RuntimeError("a captured step cannot read a longer table")
            rows = max(len(table), 1024)
            old = torch.zeros((rows, *table.shape[1:]), dtype=table.dtype, device=self.device)
            setattr(self, name, old)
        old[: len(table)].copy_(table)


@dataclass
class Clock:
    """Where a run is between its first step and its last, by steps or by minutes."""

    steps: int
    minutes: float | None
    seconds_before: float
    """Of the run's earlier parts."""

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        self._seconds_per_step: float | None = None
        self._mark = (self.seconds_before, -1)

    def over(self, progress: Progress) -> bool:
        """Return whether the run has had its steps or its minutes."""
        if self.minutes is None:
            return progress.step >= self.steps
        return progress.seconds >= 60 * self.minutes

    def rate(self, config: TrainConfig, step: int, progress: Progress) -> tuple[float, float]:
        """Return (lr, ema weight) of a step; the average warms up, so that it does not remember the start."""
        weight = 1 - min(config.ema, (1 + step) / (10 + step)) if config.ema else 1.0
        return progress.lr_scale * config.lr.at(step, self.position(step, progress)), weight

    def position(self, step: int, progress: Progress) -> float:
        """Return 0 (first step) to 1 (last)."""
        if self.minutes is None:
            return step / self.steps
        now = progress.seconds / (60 * self.minutes)
        ahead = (step - progress.step) * (self._seconds_per_step or 0.0) / (60 * self.minutes)
        return min(1.0, now + ahead)

    def tick(self, progress: Progress, world: World) -> None:
        """Note the time, the same on every process."""
        before, step = self._mark
        progress.seconds = world.largest(self.seconds_before + time.monotonic() - self._started)
        if step >= 0 and progress.step > step:
            self._seconds_per_step = (progress.seconds - before) / (progress.step - step)
        self._mark = (progress.seconds, progress.step)


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether SIGTERM or Ctrl-C came; a second one interrupts at once."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    old = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def wants_bf16(precision: str, device: torch.device) -> bool:
    """Return whether to autocast to bfloat16."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cpu":  # emulated bfloat16 is 15 times slower than float32 (measured on AVX2)
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return device.type == "cuda" and torch.cuda.is_bf16_supported()


def _begin(config: TrainConfig, out: Path, options: TrainOptions, device: torch.device) -> RunState:
    state = new_state(config, device)
    if options.resume is not None:
        load_state(state, options.resume)
        return state
    if (out / STATE).exists():
        raise InputError(f"{out} already holds a run: go on with --resume, or choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    if config.start is not None:
        start_from(state, _start_weights(config, options))
    return state


def _start_weights(config: TrainConfig, options: TrainOptions) -> torch.nn.Module:
    from sr_models.shipped import weights_path

    path = options.start or weights_path(str(config.start))
    network, card = load_network(path)
    if card.network != config.network:
        raise InputError(f"{path}: {card.network} cannot start {config.network}")
    return network


def _chunk(step_now: int, config: TrainConfig, options: TrainOptions) -> int:
    """Return how many steps to make before looking: never across a validation or the end."""
    until = options.validate_every - step_now % options.validate_every
    if config.minutes is None:
        until = min(until, config.steps - step_now)
    return max(1, min(options.log_every, until))


def _read_meters(stepper: Stepper, steps: int) -> dict[str, float]:
    sums = stepper.meters.tolist()
    stepper.meters.zero_()
    values = dict(zip(METERS, sums, strict=True))
    stepper.state.progress.skipped += round(values["skipped"])
    finite = max(1.0, steps - values["skipped"])
    return {name: values[name] if name == "skipped" else values[name] / finite for name in METERS}


def _roll_back(stepper: Stepper, out: Path, world: World) -> bool:
    """Return whether non-finite steps persist; then the state is that of the last checkpoint, at half the lr."""
    if float(stepper.streak.item()) < _STREAK_LIMIT:
        return False
    state = stepper.state
    rollbacks, scale = state.progress.rollbacks + 1, state.progress.lr_scale / 2
    if rollbacks > _ROLLBACK_LIMIT or not (out / STATE).exists():
        raise InputError(
            f"the loss stays non-finite at step {state.progress.step} after {rollbacks - 1} attempts at lower rates: "
            f"lower the recipe's learning rate (last good checkpoint: {out / STATE})"
        )
    skipped = state.progress.skipped
    load_state(state, out / STATE)
    state.progress = replace(state.progress, rollbacks=rollbacks, lr_scale=scale, skipped=skipped)
    stepper.streak.zero_()
    if world.first:
        log.warning("non-finite losses persist: back to step %d at %g of the rate", state.progress.step, scale)
    return True


def _log_chunk(journal: TrainingLog, state: RunState, meters: dict[str, float], rates: tuple[float, float],
               bar: "tqdm[None]") -> None:  # fmt: skip
    p = state.progress
    p.first = p.first or meters
    p.last = meters
    journal.add("train", p.step, {"seconds": p.seconds, "lr": rates[0], **meters})
    bar.set_postfix(loss=f"{meters['loss']:.5f}", best=f"{p.best_psnr_db:.3f}dB", refresh=False)


def _validate(state: RunState, pairs: HeldOut, pack: Pack, out: Path, journal: TrainingLog) -> None:
    cls = TorchUpscaler if state.config.network.colour == "rgb" else LumaTorchUpscaler
    model = cls(state.ema, state.config.network.scale, _inference(state))
    found, pictures = validate(model, pairs)
    p = state.progress
    journal.add("validation", p.step, {"seconds": p.seconds, **asdict(found)})
    write_samples(out / "samples" / f"{p.step:07d}.png", pictures, pairs)
    draw_health(out)
    card = card_of(state, pack, found)
    save_weights(out / LAST, state.ema, card)
    if math.isfinite(found.psnr_db) and found.psnr_db > p.best_psnr_db:
        p.best_psnr_db = found.psnr_db
        save_weights(out / BEST, state.ema, card)


def _inference(state: RunState) -> "Inference":
    from sr_models.torch_upscaler import Inference

    return Inference(device=str(state.lr.device))


def card_of(state: RunState, pack: Pack, found: Validation) -> Card:
    """Return the card of the averaged weights as they are now."""
    p = state.progress
    folders: dict[str, int] = {}
    for picture in pack.pictures:
        folder = "/".join(picture.name.split("/")[:-1])
        folders[folder] = folders.get(folder, 0) + 1
    ratios = {
        when: meters["gradient_ratio"] for when, meters in (("start", p.first), ("end", p.last)) if meters
    }
    return Card(
        name=state.config.name,
        network=state.config.network,
        recipe={**config_json(state.config), "steps_done": p.step, "steps_skipped": p.skipped,
                "rollbacks": p.rollbacks},
        pictures={"folders": folders, "digest": pack.digest(), "checked_against": list(pack.checked_against)},
        machine=_machine(state.lr.device),
        seconds=round(p.seconds, 1),
        measured={"held_out": {k: round(v, 4) for k, v in asdict(found).items()}}
        | ({"adversarial_to_content_gradient": ratios} if state.config.gan else {}),
    )  # fmt: skip


def _machine(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return f"{device.type} {name}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _fits(pixels: Tensor, device: torch.device) -> bool:
    """Return whether the pictures may stay on the device: they take at most half of what is free."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return pixels.numel() < free // 2
