"""The trainer: one loop, from a recipe and a pack to weights with a card."""

import logging
import math
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from tqdm import tqdm

from sr_models.data.errors import InputError
from sr_models.inference.torch_upscaler import Inference, LumaTorchUpscaler, TorchUpscaler, pick_device
from sr_models.inference.weights_file import load_card, load_network, save_weights
from sr_models.networks.config import started_alike
from sr_models.shipped import weights_path
from sr_models.training.features import Phi, load_features
from sr_models.training.feed import Feed
from sr_models.training.log import TrainingLog, draw_health
from sr_models.training.pack import Pack
from sr_models.training.recipes import TrainConfig
from sr_models.training.record import Sources, earlier_runs, run_card
from sr_models.training.schedule import Clock
from sr_models.training.state import RunState, load_state, new_state, save_state, start_from
from sr_models.training.step import METERS, Stepper, new_stepper
from sr_models.training.teach import open_targets
from sr_models.training.validation import HeldOut, held_out, validate, write_samples
from sr_models.training.world import World, join_world, leave_world

log = logging.getLogger(__name__)

STATE, STABLE, BEST, LAST = "state.safetensors", "stable.safetensors", "best.safetensors", "last.safetensors"
_STREAK_LIMIT = 20
"""Non-finite steps in a row after which the run goes back to its last checkpoint at half the lr."""
_ROLLBACK_LIMIT = 3


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
    targets: Path | None = None
    """What a teacher made of the pack (`sr-models teach`); config.target_share says how much it counts."""
    vgg: Path | None = None
    feature_scale: float | None = None
    log_every: int = 50
    validate_every: int = 500
    snapshots: bool = False
    """Keep the averaged weights of every validation, to choose among them by what only `bench` can judge."""
    graph: bool = True
    """On CUDA, replay each step as one graph."""
    quiet: bool = False


@dataclass(frozen=True)
class _Run:
    """What the loop works with."""

    stepper: Stepper
    pack: Pack
    targets: Pack | None
    pairs: HeldOut
    out: Path
    journal: TrainingLog
    options: TrainOptions

    @property
    def state(self) -> RunState:
        """Networks, optimisers and progress."""
        return self.stepper.state


def train(config: TrainConfig, pack: Pack, out: Path, options: TrainOptions) -> Path:
    """Train and return the path of the weights to ship: out/best.safetensors or out/last.safetensors.

    A run that SIGTERM or Ctrl-C stops saves itself and raises KeyboardInterrupt; `resume` goes on
    bit for bit (on the CPU).
    """
    world = join_world()
    try:
        run = _prepare(config, pack, out, options, world)
        with closing(run.journal):
            _loop(run, world)
    finally:
        leave_world(world)
    return out / (BEST if config.best_by == "psnr" else LAST)


def _loop(run: _Run, world: World) -> None:
    state, config, p = run.state, run.state.config, run.state.progress
    rows, graph = run.options.log_every, run.options.graph
    feed = Feed(run.pack, run.stepper, rows=rows, graph=graph, targets=run.targets)
    clock = Clock(config, p.seconds)
    total = None if config.minutes else config.steps
    hidden = run.options.quiet or not world.first
    often = 0.5 if sys.stderr.isatty() else 30  # a log file needs a line now and then
    bar = tqdm(initial=p.step, total=total, unit="step", desc=config.name, mininterval=often, disable=hidden)
    with bar, stop_signals() as stopped:
        while not clock.over(p):
            first, position = p.step, clock.position(p.step, p)
            feed.enter(part := clock.part(p))
            count = clock.steps_alike(p, _chunk(run, clock))
            feed.load(first, [clock.rates(first + k, p) for k in range(count)])
            for _ in range(count):
                feed.step()
                p.step += 1
                bar.update()
                if world.size == 1 and stopped():
                    break
            feed.settle()  # the only wait for the device, once a chunk
            meters = _read_meters(run.stepper, p.step - first)
            clock.tick(p, world)
            if _roll_back(run, world):
                continue
            _note(run, meters, bar, is_first=not (p.first or part.discriminator_alone))
            stop = world.largest(float(stopped())) > 0
            if position < config.lr.stay <= clock.position(p.step, p) and world.first:
                save_state(state, run.out / STABLE)  # a longer run can go on from before the decay
            if stop and not clock.over(p):
                if world.first:  # at once: whoever asked may not wait for a validation
                    save_state(state, run.out / STATE)
                raise KeyboardInterrupt
            if world.first and (p.step % run.options.validate_every == 0 or clock.over(p)):
                _keep(run)


def _prepare(config: TrainConfig, pack: Pack, out: Path, options: TrainOptions, world: World) -> _Run:
    device = pick_device(options.device)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # crops never change their size
        torch.backends.cudnn.allow_tf32 = False  # --precision fp32 means fp32
    _check_losses(config)
    targets = _targets(config, pack, options)
    phi = _phi(config, options, device)
    state = new_state(config, device)
    state.made_from = {"pack": pack.digest(), "features": asdict(phi.source) if phi else None}
    state.made_from["targets"] = targets.digest() if targets else None
    _begin(state, out, options, world)
    bf16 = wants_bf16(options.precision, device)
    if phi is not None and bf16:
        phi.body.to(torch.bfloat16)  # once, not at every step
    stepper = new_stepper(state, phi, bf16=bf16, world=world)
    journal = TrainingLog(out, state.progress.step, active=world.first)
    return _Run(stepper, pack, targets, held_out(pack, config.network.scale), out, journal, options)


def _check_losses(config: TrainConfig) -> None:
    if config.artefacts and config.recursions is not None:
        raise InputError(f"{config.name}: LDL's loss is for networks with one result, not for recursions")


def _targets(config: TrainConfig, pack: Pack, options: TrainOptions) -> Pack | None:
    if (options.targets is None) != (config.target_share == 0):
        raise InputError("targets and the share they count with are given together, or neither of them")
    if options.targets is None:
        return None
    if config.content != "mse" or config.adversary is not None:
        raise InputError(f"{config.name}: targets are for networks trained on the mean squared error alone")
    return open_targets(options.targets, pack)


def _phi(config: TrainConfig, options: TrainOptions, device: torch.device) -> Phi | None:
    if config.content == "mse":
        return None
    phi = load_features(config.content, options.vgg, options.feature_scale)
    return phi.to(device)


def _begin(state: RunState, out: Path, options: TrainOptions, world: World) -> None:
    """Fill state from a checkpoint or from weights, where a run has any to begin from."""
    resumes_here = options.resume is not None and options.resume.resolve().parent == out.resolve()
    if (out / STATE).exists() and not resumes_here:
        raise InputError(f"{out} already holds a run: go on with --resume, or choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    if options.resume is not None:
        load_state(state, options.resume)
        if options.resume.resolve() != (out / STATE).resolve():
            world.largest(0.0)  # wait until every process has found the folder as it was
            if world.first:
                _branch_off(state, out)
    elif state.config.start is not None or options.start is not None:
        path = options.start or weights_path(str(state.config.start))
        network, card = load_network(path)
        if started_alike(card.network) != started_alike(state.config.network):
            raise InputError(f"{path}: {card.network} cannot start {state.config.network}")
        start_from(state, network)
        state.progress.history = earlier_runs(path, card)


def _branch_off(state: RunState, out: Path) -> None:
    """Going on from an earlier point of a run: what was best stays best, and a rollback comes back here."""
    if (out / BEST).exists():
        best = load_card(out / BEST).measured["held_out"]["psnr_db"]
        state.progress.best_psnr_db = max(state.progress.best_psnr_db, best)
    else:  # the best so far lies in another folder
        state.progress.best_psnr_db = float("-inf")
    save_state(state, out / STATE)


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether SIGTERM or Ctrl-C arrived; a second one interrupts at once."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    old = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def wants_bf16(precision: str, device: torch.device) -> bool:
    """Return whether to autocast to bfloat16."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cpu":  # emulated bfloat16 is 15 times slower than float32 (measured on AVX2)
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def _chunk(run: _Run, clock: Clock) -> int:
    """Return how many steps to make before looking: never across a validation or the end."""
    until = run.options.validate_every - run.state.progress.step % run.options.validate_every
    return max(1, min(run.options.log_every, until, clock.steps_left(run.state.progress)))


def _read_meters(stepper: Stepper, steps: int) -> dict[str, float]:
    sums = stepper.meters.tolist()
    stepper.meters.zero_()
    values = dict(zip(METERS, sums, strict=True))
    stepper.state.progress.skipped += round(values["skipped"])
    finite = max(1.0, steps - values["skipped"])
    return {name: values[name] if name == "skipped" else values[name] / finite for name in METERS}


def _roll_back(run: _Run, world: World) -> bool:
    """Return whether non-finite steps persist; then the state is the last checkpoint's, at half the lr."""
    if float(run.stepper.streak.item()) < _STREAK_LIMIT:
        return False
    p, path = run.state.progress, run.out / STATE
    rollbacks, scale, skipped, seconds = p.rollbacks + 1, p.lr_scale / 2, p.skipped, p.seconds
    if rollbacks > _ROLLBACK_LIMIT or not path.exists():
        raise InputError(
            f"the loss is not finite at step {p.step}, after {rollbacks - 1} attempts at lower rates: give a "
            f"lower --lr (the last good checkpoint, if any, is {path})"
        )
    load_state(run.state, path)
    p.rollbacks, p.lr_scale, p.skipped, p.seconds = rollbacks, scale, skipped, seconds
    run.stepper.streak.zero_()
    run.journal.drop_after(p.step)
    if world.first:
        log.warning("non-finite losses persist: back to step %d at %g of the rate", p.step, scale)
    return True


def _note(run: _Run, meters: dict[str, float], bar: "tqdm[Any]", *, is_first: bool) -> None:
    p = run.state.progress
    p.first = meters if is_first else p.first
    p.last = meters
    rate = float(run.state.lr.item())
    run.journal.add("train", p.step, {"seconds": p.seconds, "lr": rate, **meters})
    bar.set_postfix(loss=f"{meters['loss']:.5f}", best=f"{p.best_psnr_db:.3f}dB", refresh=False)


def _keep(run: _Run) -> None:
    """Validate, write samples and weights, and the checkpoint last: it vouches for all of them."""
    state, p = run.state, run.state.progress
    cls = TorchUpscaler if state.config.network.colour == "rgb" else LumaTorchUpscaler
    model = cls(state.ema, state.config.network.scale, Inference(device=str(state.lr.device)))
    found, pictures = validate(model, run.pairs)
    run.journal.add("validation", p.step, {"seconds": p.seconds, **asdict(found)})
    write_samples(run.out / "samples" / f"{p.step:07d}.png", pictures, run.pairs)
    if state.config.adversary is not None:
        draw_health(run.out)
    card = run_card(state, found, Sources(run.pack, run.targets, run.stepper.phi), bf16=run.stepper.bf16)
    save_weights(run.out / LAST, state.ema, card)
    if run.options.snapshots:
        save_weights(run.out / "snapshots" / f"{p.step:07d}.safetensors", state.ema, card)
    if math.isfinite(found.psnr_db) and found.psnr_db > p.best_psnr_db:
        p.best_psnr_db = found.psnr_db
        save_weights(run.out / BEST, state.ema, card)
    save_state(state, run.out / STATE)
