"""The trainer: exact when resumed, exact when shared, and safe when things go wrong."""

import csv
import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import sr_models.training.train as trainer
from sr_models.data.errors import InputError
from sr_models.data.image import write_image
from sr_models.inference.weights_file import load_card, load_network
from sr_models.networks.drcn import DrcnConfig
from sr_models.networks.espcn import EspcnConfig
from sr_models.networks.srcnn import SrcnnConfig
from sr_models.networks.srresnet import SrresnetConfig
from sr_models.training import losses
from sr_models.training.log import TrainingLog
from sr_models.training.near_duplicates import UNCHECKED
from sr_models.training.pack import write_pack
from sr_models.training.recipes import RECIPES, LateCrops, LearningRate, Recursions, recipe
from sr_models.training.state import config_json, load_state, new_state, save_state, saved_length, start_from
from sr_models.training.step import METERS, _gradient_at_output, _of_average, new_stepper, pair, step
from sr_models.training.train import BEST, LAST, STABLE, STATE, TrainOptions, train
from sr_models.training.validation import Validation, held_out
from sr_models.training.world import World

CPU = torch.device("cpu")
OPTIONS = TrainOptions(device="cpu", precision="fp32", log_every=5, validate_every=10, quiet=True)


def _tensors(path):
    return load_file(path)


def _same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("kind", ["srresnet", "srgan", "alone", "frozen", "luma", "soap", "muon", "drcn"])
def test_twenty_steps_are_ten_and_ten_more_bit_for_bit(kind, config, gan, pack, tmp_path):
    luma = replace(config, network=EspcnConfig())
    drcn = replace(config, network=DrcnConfig(width=4, recursions=3), recursions=Recursions(0.8))
    frozen, soap = replace(gan, frozen_norm=True), replace(luma, optimiser="soap")
    wide = replace(config, network=SrresnetConfig(blocks=1, width=32, norm="none"), optimiser="muon")
    alone = replace(gan, adversary=replace(gan.adversary, alone=7), phase=10.0)
    config = {
        "srresnet": config,
        "srgan": gan,
        "alone": alone,
        "frozen": frozen,
        "luma": luma,
        "drcn": drcn,
        "soap": soap,
        "muon": wide,
    }[kind]
    train(config, pack, tmp_path / "whole", OPTIONS)
    # the decay begins at half of 20 steps
    half = replace(config, steps=10, lr=replace(config.lr, stay=1.0))
    if config.recursions:
        half = replace(half, recursions=Recursions(2 * config.recursions.alpha_zero_at))
    train(half, pack, tmp_path / "parts", OPTIONS)
    state = new_state(config, CPU)
    _relabel(tmp_path / "parts" / STATE, config, half, state)
    train(config, pack, tmp_path / "parts", replace(OPTIONS, resume=tmp_path / "parts" / STATE))
    whole, parts = _tensors(tmp_path / "whole" / STATE), _tensors(tmp_path / "parts" / STATE)
    adversary = {"discriminator", "d_optimiser"} if config.adversary else set()
    wanted = {"generator", "ema", "g_optimiser"} | adversary
    assert {name.split(".")[0] for name in whole} == wanted
    assert _same(whole, parts)
    assert _same(_tensors(tmp_path / "whole" / LAST), _tensors(tmp_path / "parts" / LAST))
    assert _validated(tmp_path / "whole" / "validation.csv") == _validated(
        tmp_path / "parts" / "validation.csv"
    )


def _relabel(path, config, half, state):
    """Write a run of `half` down as one of `config`, whose first ten steps are the same."""
    loaded = new_state(half, CPU)
    load_state(loaded, path)
    loaded.config = config
    save_state(loaded, path)


def _rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def _validated(path):
    return [[row["step"], row["psnr_db"]] for row in _rows(path)]


def test_a_run_that_was_cut_off_logs_as_if_it_had_not_been(config, pack, tmp_path):
    train(config, pack, tmp_path / "whole", OPTIONS)
    train(config, pack, tmp_path / "again", OPTIONS)  # logs 20 steps, then is "restored" to step 0
    save_state(new_state(config, CPU), tmp_path / "again" / STATE)
    train(config, pack, tmp_path / "again", replace(OPTIONS, resume=tmp_path / "again" / STATE))
    for name in ("train.csv", "validation.csv"):
        steps = [row["step"] for row in _rows(tmp_path / "again" / name)]
        assert steps == [row["step"] for row in _rows(tmp_path / "whole" / name)]


def test_training_lowers_the_loss_and_the_average_follows(config, pack, tmp_path):
    config = replace(config, steps=80, network=replace(config.network, init="passthrough"))
    train(config, pack, tmp_path / "run", replace(OPTIONS, validate_every=80))
    losses = [float(row["loss"]) for row in _rows(tmp_path / "run" / "train.csv")]
    assert np.mean(losses[-3:]) < 0.7 * losses[0]


def test_the_average_is_the_recurrence_with_buffers(config, pack, tmp_path):
    config = replace(config, steps=1, ema=0.9)
    start = new_state(config, CPU).generator.state_dict()
    train(config, pack, tmp_path / "run", OPTIONS)
    tensors = _tensors(tmp_path / "run" / STATE)
    weight = 1 - 1 / 10  # warm-up: decay (1 + 0) / (10 + 0) at the first step
    for name in ("head.0.weight", "blocks.0.body.1.running_mean", "blocks.0.body.1.running_var"):
        now, average = tensors[f"generator.{name}"], tensors[f"ema.{name}"]
        assert torch.allclose(average, start[name] + weight * (now - start[name]), atol=1e-7)
        assert not torch.equal(average, start[name])


def test_supervision_of_recursions_decays_as_the_recipe_says(config, pack, tmp_path):
    config = replace(config, network=DrcnConfig(width=4, recursions=3), recursions=Recursions(0.5))
    assert [config.recursions.alpha(t) for t in (0.0, 0.25, 0.5, 1.0)] == [1.0, 0.5, 0.0, 0.0]
    seen = []

    def note(s, hr_uint8):
        seen.append(float(s.alpha))
        return step(s, hr_uint8)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sr_models.training.feed.step", note)
        train(config, pack, tmp_path / "run", OPTIONS)
    assert seen == pytest.approx([max(0.0, 1 - t / 10) for t in range(20)])


def test_a_drcn_can_start_from_one_of_fewer_recursions(config, pack, tmp_path):
    short = replace(config, steps=2, network=DrcnConfig(width=4, recursions=2), recursions=Recursions(0.0))
    weights = train(short, pack, tmp_path / "short", replace(OPTIONS, validate_every=2))
    long = replace(short, steps=1, lr=LearningRate(0.0), network=DrcnConfig(width=4, recursions=5))
    train(long, pack, tmp_path / "long", replace(OPTIONS, start=weights))
    network, _ = load_network(tmp_path / "long" / LAST)
    before, _ = load_network(weights)
    assert torch.equal(network.recur[0].weight, before.recur[0].weight)
    assert network.weights.tolist() == pytest.approx([0.2] * 5)


def test_a_drcn_of_as_many_recursions_starts_with_their_weights_too(config):
    state = new_state(
        replace(config, network=DrcnConfig(width=4, recursions=3), recursions=Recursions(0.0)), CPU
    )
    weights = DrcnConfig(width=4, recursions=3).build()
    weights.weights.data = torch.tensor([0.1, 0.2, 0.7])
    start_from(state, weights)
    assert state.generator.weights.tolist() == state.ema.weights.tolist() == pytest.approx([0.1, 0.2, 0.7])


def test_the_recursions_weights_are_only_learned_from_their_sum(config, pack):
    network = DrcnConfig(width=4, recursions=3)
    state = new_state(replace(config, network=network, recursions=Recursions(1.0)), CPU)
    s = new_stepper(state, None, bf16=False, world=World())
    hr = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    for alpha, moves in ((1.0, False), (0.5, True)):
        s.alpha.fill_(alpha)
        step(s, hr)
        assert bool(state.generator.weights.grad.abs().sum() > 0) is moves


def test_without_an_average_the_last_weights_are_shipped(config, pack, tmp_path):
    train(replace(config, ema=0.0), pack, tmp_path / "run", OPTIONS)
    tensors = _tensors(tmp_path / "run" / STATE)
    assert torch.equal(tensors["generator.tail.weight"], tensors["ema.tail.weight"])


def test_a_gan_step_trains_both_and_meters_them(gan, pack, tmp_path):
    train(replace(gan, steps=5), pack, tmp_path / "run", OPTIONS)
    (row,) = _rows(tmp_path / "run" / "train.csv")
    assert float(row["loss"]) == pytest.approx(float(row["content"]) + float(row["adversarial"]), rel=1e-4)
    assert 0 < float(row["d_sr"]) < 1
    assert 0 < float(row["d_hr"]) < 1
    assert float(row["gradient_ratio"]) > 0
    assert float(row["gradient_d"]) > 0
    card = load_card(tmp_path / "run" / LAST)
    assert set(card.measured["adversarial_to_content_gradient"]) == {"start", "end"}
    assert (tmp_path / "run" / "health.png").stat().st_size > 10_000


def test_the_generators_gradient_is_the_sum_of_its_terms(gan, pack):
    """Taken at the output and sent back once, it equals back-propagating the whole loss."""
    gan = replace(gan, total_variation=1e-5)
    hr = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    state = new_state(gan, CPU)
    s = new_stepper(state, None, bf16=False, world=World())
    step(s, hr)
    ours = [p.grad.clone() for p in state.generator.parameters()]
    discriminator = state.discriminator  # already updated, as the step's own adversarial term saw it
    again = new_state(gan, CPU)
    lr, target = pair(new_stepper(again, None, bf16=False, world=World()), hr)
    sr = again.generator.train()(lr)
    loss = losses.mse(sr, target) + 1e-5 * losses.total_variation(sr)
    (loss + gan.adversary.weight * losses.adversarial(discriminator(2 * sr - 1))).backward()
    for mine, wanted in zip(ours, again.generator.parameters(), strict=True):
        assert torch.allclose(mine, wanted.grad, rtol=1e-3, atol=1e-6)


def test_the_discriminator_gets_no_gradient_from_the_generators_step(gan):
    state = new_state(gan, CPU)
    step(new_stepper(state, None, bf16=False, world=World()), torch.zeros((4, 3, 32, 32), dtype=torch.uint8))
    assert all(not p.requires_grad for p in state.discriminator.parameters())  # frozen since the D step


def test_luma_networks_learn_from_studio_luma(config):
    state = new_state(replace(config, network=SrcnnConfig()), CPU)
    hr = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    lr, target = pair(new_stepper(state, None, bf16=False, world=World()), hr)
    assert lr.shape == (2, 1, 8, 8)
    from sr_models.data.luma import luma

    wanted = luma(hr[0].permute(1, 2, 0).numpy()) / 255
    assert target[0, 0].numpy() == pytest.approx(wanted, abs=1e-6)


def _poisoned(config):
    state = new_state(config, CPU)
    s = new_stepper(state, None, bf16=False, world=World())
    hr = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    state.lr.fill_(1e-3)
    s.ema_weight.fill_(0.1)
    return s, hr


def test_a_step_that_is_not_finite_changes_nothing_and_is_counted(config):
    s, hr = _poisoned(config)
    step(s, hr)
    before = {k: v.clone() for k, v in s.state.generator.state_dict().items()}
    average = {k: v.clone() for k, v in s.state.ema.state_dict().items()}
    s.shrink.matrix *= float("nan")
    step(s, hr)
    after = s.state.generator.state_dict()
    assert all(torch.equal(after[k], before[k]) for k in before if before[k].is_floating_point())
    assert all(torch.equal(v, average[k]) for k, v in s.state.ema.state_dict().items())
    assert float(s.meters[METERS.index("skipped")]) == 1.0
    assert bool(s.meters.isfinite().all())
    assert float(s.streak) == 1.0


def test_without_a_finite_discriminator_the_generator_waits_and_the_step_is_counted(gan):
    s, hr = _poisoned(gan)
    step(s, hr)
    before = {k: v.clone() for k, v in s.state.generator.state_dict().items()}
    s.state.discriminator.features[0].weight.data.fill_(float("nan"))
    step(s, hr)
    after = s.state.generator.state_dict()
    assert all(torch.equal(after[k], before[k]) for k in before if before[k].is_floating_point())
    assert float(s.meters[METERS.index("skipped")]) == 1.0
    assert bool(s.meters.isfinite().all())
    assert float(s.streak) == 1.0


def test_frozen_norms_keep_their_averages_and_learn_their_scale(gan):
    state = new_state(replace(gan, frozen_norm=True), CPU)
    norm = state.generator.join[1]
    norm.running_mean.fill_(0.3)
    norm.running_var.fill_(2.0)
    state.lr.fill_(1e-3)
    s = new_stepper(state, None, bf16=False, world=World())
    hr = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    scale, sr = norm.weight.clone(), state.generator.eval()(pair(s, hr)[0]).detach()
    step(s, hr)
    assert norm.running_mean.unique().tolist() == [pytest.approx(0.3)]
    assert norm.running_var.unique().tolist() == [2.0]
    assert not torch.equal(norm.weight, scale)
    content = float(s.meters[METERS.index("content")])
    assert content == pytest.approx(
        float(4 * (sr - hr / 255).square().mean()), rel=1e-4
    )  # as it will be used


def test_the_discriminator_sees_what_all_reconstructions_have_in_common(gan):
    state = new_state(gan, CPU)
    norm, linear = nn.BatchNorm2d(3, affine=False, momentum=1.0), nn.Linear(3, 1)
    linear.weight.data.fill_(1.0)
    state.discriminator = nn.Sequential(norm, nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
    state.d_optimiser = torch.optim.Adam(linear.parameters(), lr=0.0, fused=True)
    s = new_stepper(state, None, bf16=False, world=World())
    hr = torch.randint(60, 120, (4, 3, 32, 32), dtype=torch.uint8)
    step(s, hr)  # an untrained G's pictures have colours of their own
    seen_hr, seen_sr = (float(s.meters[METERS.index(name)]) for name in ("d_hr", "d_sr"))
    assert abs(seen_hr - seen_sr) > 0.1
    lr, hr = pair(s, hr)
    both = 2 * torch.cat([hr, state.generator(lr).detach()]) - 1  # lr 0: G is as it was
    torch.testing.assert_close(norm.running_mean, both.mean((0, 2, 3)))  # G's own step has left it alone


def test_a_finite_step_ends_the_streak(config):
    s, hr = _poisoned(config)
    s.streak.fill_(7.0)
    step(s, hr)
    assert float(s.streak) == 0.0


def test_persistent_trouble_goes_back_to_the_checkpoint_at_half_the_rate(config, pack, tmp_path, monkeypatch):
    calls = []

    def sick(s, crops):
        calls.append(1)
        if 10 < len(calls) <= 35:  # after the first checkpoint
            s.streak.add_(1.0)
        else:
            step(s, crops)

    monkeypatch.setattr("sr_models.training.feed.step", sick)
    config = replace(config, steps=60, lr=LearningRate(1e-3))
    train(config, pack, tmp_path / "run", OPTIONS)
    card = load_card(tmp_path / "run" / LAST)
    assert card.recipe["rollbacks"] == 1
    assert card.recipe["steps_done"] == 60
    assert len(calls) == 70  # noticed at step 30, back to 20
    rates = [float(row["lr"]) for row in _rows(tmp_path / "run" / "train.csv")]
    assert rates[-1] == pytest.approx(0.5e-3)


def test_trouble_without_end_is_an_error_that_names_the_remedy(config, pack, tmp_path, monkeypatch):
    monkeypatch.setattr("sr_models.training.feed.step", lambda s, crops: s.streak.add_(1.0))
    options = replace(OPTIONS, validate_every=30)
    with pytest.raises(InputError, match=r"not finite at step 20.*lower --lr"):
        train(replace(config, steps=60), pack, tmp_path / "run", options)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_run_can_go_on(number, config, pack, tmp_path, monkeypatch):
    train(config, pack, tmp_path / "whole", OPTIONS)
    calls = []

    def interrupted(s, crops):
        step(s, crops)
        calls.append(1)
        if len(calls) == 7:
            os.kill(os.getpid(), number)

    monkeypatch.setattr("sr_models.training.feed.step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(config, pack, tmp_path / "run", OPTIONS)
    assert len(calls) == 7
    train(config, pack, tmp_path / "run", replace(OPTIONS, resume=tmp_path / "run" / STATE))
    assert len(calls) == 20
    assert _same(_tensors(tmp_path / "run" / STATE), _tensors(tmp_path / "whole" / STATE))


def test_a_run_that_is_stopped_closes_its_tensorboard_file(config, pack, tmp_path, monkeypatch):
    journals = []

    def interrupted(s, crops):
        step(s, crops)
        os.kill(os.getpid(), signal.SIGTERM)

    class Noted(trainer.TrainingLog):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            journals.append((self, self._board))

    monkeypatch.setattr("sr_models.training.feed.step", interrupted)
    monkeypatch.setattr(trainer, "TrainingLog", Noted)
    with pytest.raises(KeyboardInterrupt):
        train(config, pack, tmp_path / "run", OPTIONS)
    ((journal, board),) = journals
    assert board is not None
    assert board.file_writer is None  # SummaryWriter's, once closed
    assert journal._board is None


def test_a_full_disk_is_one_sentence_and_the_last_checkpoint_stays(config, pack, tmp_path, monkeypatch):
    train(replace(config, steps=10), pack, tmp_path / "run", OPTIONS)
    before = (tmp_path / "run" / STATE).read_bytes()

    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    state = new_state(config, CPU)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"cannot be saved \(No space left on device\).*intact"):
        save_state(state, tmp_path / "run" / STATE)
    monkeypatch.undo()
    assert (tmp_path / "run" / STATE).read_bytes() == before
    assert not list((tmp_path / "run").glob(".*"))
    load_state(new_state(replace(config, steps=10), CPU), tmp_path / "run" / STATE)


def test_another_recipes_checkpoint_is_refused_with_what_differs(config, gan, pack, tmp_path):
    save_state(new_state(config, CPU), tmp_path / STATE)
    with pytest.raises(InputError, match=r"other settings.*adversary None not"):
        load_state(new_state(gan, CPU), tmp_path / STATE)
    wider = replace(config, network=SrresnetConfig(blocks=2, width=12))
    with pytest.raises(InputError, match=r"other settings.*network"):
        load_state(new_state(wider, CPU), tmp_path / STATE)


def test_a_run_goes_on_with_the_pictures_and_features_it_began_with(config, pack, pictures, tmp_path):
    train(replace(config, steps=10), pack, tmp_path / "run", OPTIONS)
    (pictures / "3.png").unlink()
    other = write_pack([pictures], tmp_path / "other.pack", UNCHECKED, min_side=32, quiet=True)
    options = replace(OPTIONS, resume=tmp_path / "run" / STATE)
    with pytest.raises(InputError, match=rf"other settings \(pack {pack.digest()} not {other.digest()}\)"):
        train(config, other, tmp_path / "run", options)
    state = new_state(config, CPU)
    state.made_from = {"pack": pack.digest(), "features": {"kind": "torchvision-vgg19"}}
    with pytest.raises(InputError, match=r"other settings \(features None not \{'kind': 'torch"):
        load_state(state, tmp_path / "run" / STATE)


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_a_broken_checkpoint_is_refused(content, config, tmp_path):
    save_state(new_state(config, CPU), tmp_path / STATE)
    whole = (tmp_path / STATE).read_bytes()
    (tmp_path / STATE).write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(InputError, match="not a whole checkpoint"):
        load_state(new_state(config, CPU), tmp_path / STATE)


def test_weights_are_not_a_checkpoint_of_a_run(config, pack, tmp_path):
    train(replace(config, steps=10), pack, tmp_path / "run", OPTIONS)
    with pytest.raises(InputError, match="not a checkpoint of a run"):
        load_state(new_state(config, CPU), tmp_path / "run" / BEST)


def test_a_folder_with_a_run_is_not_overwritten(config, pack, tmp_path):
    train(replace(config, steps=10), pack, tmp_path / "run", OPTIONS)
    with pytest.raises(InputError, match="already holds a run: go on with --resume"):
        train(config, pack, tmp_path / "run", OPTIONS)
    elsewhere = replace(OPTIONS, resume=tmp_path / "elsewhere" / STATE)
    with pytest.raises(InputError, match="already holds a run"):
        train(config, pack, tmp_path / "run", elsewhere)
    with pytest.raises(InputError, match="nothing to resume"):
        train(config, pack, tmp_path / "elsewhere", elsewhere)


def test_a_run_can_go_on_in_a_folder_of_its_own(config, pack, tmp_path):
    train(replace(config, steps=10), pack, tmp_path / "run", OPTIONS)
    train(config, pack, tmp_path / "branch", replace(OPTIONS, resume=tmp_path / "run" / STATE))
    assert load_card(tmp_path / "branch" / LAST).recipe["steps_done"] == 20
    assert load_card(tmp_path / "run" / LAST).recipe["steps_done"] == 10


def test_what_was_best_stays_best_after_a_return_to_an_earlier_point(config, pack, tmp_path, monkeypatch):
    train(config, pack, tmp_path / "run", OPTIONS)
    best, stable = (load_file(tmp_path / "run" / name) for name in (BEST, STABLE))
    monkeypatch.setattr(trainer, "validate", lambda *_: (Validation(1.0, 1.0, 1.0), [np.zeros((48, 64, 3))]))
    monkeypatch.setattr(trainer, "write_samples", lambda *_: None)
    options = replace(OPTIONS, resume=tmp_path / "run" / STABLE, validate_every=15)
    train(replace(config, steps=15), pack, tmp_path / "run", options)
    assert _same(load_file(tmp_path / "run" / BEST), best)

    def trouble(s, _crops):
        s.streak.add_(1.0)

    monkeypatch.setattr("sr_models.training.feed.step", trouble)
    with pytest.raises(InputError, match="not finite"):
        train(replace(config, steps=60), pack, tmp_path / "run", replace(options, validate_every=60))
    assert _same(load_file(tmp_path / "run" / STATE), stable)  # what the rollbacks went back to


def test_a_gan_starts_from_the_weights_it_is_given(config, gan, pack, tmp_path):
    weights = train(replace(config, steps=10), pack, tmp_path / "first", OPTIONS)
    network, _ = load_network(weights)
    gan = replace(gan, steps=1, lr=LearningRate(1e-12), ema=0.0)
    out = train(gan, pack, tmp_path / "gan", replace(OPTIONS, start=weights))
    assert out.name == LAST
    started, _ = load_network(out)
    assert torch.allclose(started.tail.weight, network.tail.weight, atol=1e-9)
    with pytest.raises(InputError, match="cannot start"):
        train(replace(gan, network=EspcnConfig()), pack, tmp_path / "x", replace(OPTIONS, start=weights))


def test_a_card_names_every_run_that_led_to_its_weights(config, gan, pack, tmp_path):
    first = train(replace(config, steps=10), pack, tmp_path / "first", OPTIONS)
    digest = hashlib.sha256(first.read_bytes()).hexdigest()
    options = replace(OPTIONS, start=first)
    with pytest.MonkeyPatch.context() as patch:  # in two parts, which are one run
        patch.setattr(trainer.Clock, "over", lambda self, p: p.step >= 10)
        train(gan, pack, tmp_path / "gan", options)
    second = train(gan, pack, tmp_path / "gan", replace(OPTIONS, resume=tmp_path / "gan" / STATE))
    third = train(replace(gan, steps=5), pack, tmp_path / "third", replace(OPTIONS, start=second))
    runs = load_card(third).history
    assert [run["steps"] for run in runs] == [10, 20, 5]
    assert [run.get("start") for run in runs] == [None, "best.safetensors", "last.safetensors"]
    assert runs[1]["start_sha256"] == digest
    assert {run["crops"] for run in runs} == {"4 of 32 px"}
    assert all(run["hours"] >= 0 and run["optimiser"] == "adam" and run["rate"] == 1e-3 for run in runs)


def test_a_checkpoint_from_before_the_decay_is_kept(config, pack, tmp_path):
    train(config, pack, tmp_path / "run", OPTIONS)
    state = new_state(config, CPU)
    load_state(state, tmp_path / "run" / STABLE)
    assert state.progress.step == 10
    train(
        replace(config, steps=30), pack, tmp_path / "run", replace(OPTIONS, resume=tmp_path / "run" / STABLE)
    )
    assert load_card(tmp_path / "run" / LAST).recipe["steps_done"] == 30


def test_minutes_end_a_run_with_the_schedule_let_down(config, pack, tmp_path):
    config = replace(config, minutes=0.02)
    train(config, pack, tmp_path / "run", OPTIONS)
    rows = _rows(tmp_path / "run" / "train.csv")
    assert float(rows[-1]["seconds"]) >= 1.2
    assert float(rows[-1]["lr"]) < 0.5 * config.lr.peak
    assert max(float(row["lr"]) for row in rows) == pytest.approx(config.lr.peak)
    assert [row["step"] for row in rows[:2]] == ["1", "2"]  # how long a step takes is found out first


def test_minutes_that_allow_one_step_are_not_fifty(config, pack, tmp_path, monkeypatch):
    def slow(s, crops):
        time.sleep(0.3)
        step(s, crops)

    monkeypatch.setattr("sr_models.training.feed.step", slow)
    train(replace(config, minutes=0.02), pack, tmp_path / "run", OPTIONS)
    assert int(_rows(tmp_path / "run" / "train.csv")[-1]["step"]) <= 5


def test_bf16_is_not_chosen_where_it_is_emulated(monkeypatch):
    emulated = {True: True, False: False}
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: emulated[including_emulation]
    )
    assert not trainer.wants_bf16("auto", torch.device("cuda"))
    assert trainer.wants_bf16("bf16", torch.device("cuda"))


def test_a_flat_held_out_picture_does_not_decide_what_is_best(config, pictures, tmp_path):
    write_image(pictures / "white.png", np.full((48, 64, 3), 255, np.uint8))
    pack = _packed(pictures, tmp_path)
    kept = [replace(p, held_out=p.held_out or p.name.endswith("white.png")) for p in pack.pictures]
    pack = replace(pack, pictures=tuple(kept))
    assert len(held_out(pack, 4).hr) == sum(p.held_out for p in kept) - 1
    assert train(replace(config, steps=10), pack, tmp_path / "run", OPTIONS).exists()


def test_without_a_picture_to_validate_on_no_run_begins(config, pictures, tmp_path):
    for path in sorted(pictures.glob("*.png"))[1:]:
        path.unlink()
    with pytest.raises(InputError, match=r"no picture to validate on: expected at least two .* got 1"):
        train(config, _packed(pictures, tmp_path), tmp_path / "run", OPTIONS)


def _packed(pictures, folder):
    return write_pack([pictures], folder / "some.pack", UNCHECKED, min_side=32, quiet=True)


def test_a_card_says_what_was_done(config, pack, tmp_path):
    card = load_card(train(config, pack, tmp_path / "run", OPTIONS))
    assert card.recipe["steps_done"] in (10, 20)
    assert card.pictures == {
        "folders": {"pictures": 8},
        "held_out": 1,
        "digest": pack.digest(),
        "checked_against": [],
    }
    assert "1 threads, fp32" in card.machine
    assert 10 < card.measured["held_out"]["psnr_db"] < 60
    for name in ("samples/0000020.png", "train.csv", "validation.csv", "tensorboard"):
        assert (tmp_path / "run" / name).exists()


def test_best_follows_the_held_out_pictures(config, pack, tmp_path):
    train(replace(config, steps=40), pack, tmp_path / "run", OPTIONS)
    rows = [float(r["psnr_db"]) for r in _rows(tmp_path / "run" / "validation.csv")]
    best = load_card(tmp_path / "run" / BEST).measured["held_out"]["psnr_db"]
    assert best == pytest.approx(max(rows), abs=1e-3)


WORKER = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
torch.set_num_threads(1)
from sr_models.training import feed
from sr_models.networks.srresnet import SrresnetConfig
from sr_models.training.pack import open_pack
from sr_models.training.recipes import LearningRate, TrainConfig
from sr_models.training.train import TrainOptions, train

seen = []
real = feed.step
def spy(s, crops):
    seen.append(crops.clone())
    real(s, crops)
feed.step = spy
network = SrresnetConfig(blocks=1, width=8, norm="none")
config = TrainConfig("shared", network, 6, LearningRate(1e-3), batch=4, crop_px=32, ema=0.9)
out = Path(sys.argv[2])
options = TrainOptions(device="cpu", precision="fp32", log_every=2, validate_every=6, quiet=True)
train(config, open_pack(Path(sys.argv[1])), out, options)
import os
torch.save(torch.stack(seen), out / f"seen{os.environ.get('RANK', '0')}.pt")
"""


def test_one_process_and_two_see_the_same_crops_and_learn_the_same(pack, tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    for name, start in (("one", [sys.executable]), ("two", launch)):
        done = subprocess.run(
            [*start, str(script), str(pack.path), str(tmp_path / name)],
            env=environment, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    alone = torch.load(tmp_path / "one" / "seen0.pt", weights_only=True)
    shares = [torch.load(tmp_path / "two" / f"seen{rank}.pt", weights_only=True) for rank in (0, 1)]
    together = torch.stack(shares, dim=2).reshape(alone.shape)  # rank r takes every second crop from the r-th
    assert torch.equal(alone, together)
    one, two = (_tensors(tmp_path / name / STATE) for name in ("one", "two"))
    for name, tensor in one.items():  # sums of floats in another order, no more
        assert torch.allclose(tensor, two[name], rtol=1e-4, atol=1e-6), name


def test_a_batch_that_cannot_be_shared_evenly_is_refused(config, pack):
    stepper = new_stepper(new_state(config, CPU), None, bf16=False, world=World(0, 3))
    feed = trainer.Feed(pack, stepper, rows=5, graph=False)
    with pytest.raises(InputError, match="batch of 4 cannot be shared evenly by 3"):
        feed.enter(config.part(0, 0.0))


@pytest.mark.parametrize(
    ("step_index", "progress", "lr"),
    [(0, 0.0, 1e-4), (9, 0.1, 1e-3), (500, 0.49, 1e-3), (600, 0.75, 5.5e-4), (1000, 1.0, 1e-4)],
)
def test_a_schedule_warms_up_stays_and_falls(step_index, progress, lr):
    assert LearningRate(1e-3, warmup_steps=10, stay=0.5, end=1e-4).at(step_index, progress) == pytest.approx(
        lr
    )


def test_the_papers_gan_schedule_jumps_once():
    lr = LearningRate(1e-4, stay=0.5, end=1e-5, jump=True)
    assert [lr.at(0, t) for t in (0, 0.49, 0.5, 1)] == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5])


def test_crops_change_at_their_share_of_the_run_and_resuming_there_changes_nothing(config, pack, tmp_path):
    config = replace(config, late=LateCrops(0.55, batch=2, crop_px=48))
    seen = []

    def note(s, crops):
        seen.append(tuple(crops.shape))
        step(s, crops)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sr_models.training.feed.step", note)
        train(config, pack, tmp_path / "whole", OPTIONS)
    assert seen == 11 * [(4, 3, 32, 32)] + 9 * [(2, 3, 48, 48)]  # 0.55 of 20 steps
    train(config, pack, tmp_path / "odd", replace(OPTIONS, log_every=3))
    assert _same(_tensors(tmp_path / "whole" / STATE), _tensors(tmp_path / "odd" / STATE))


def test_ldl_pulls_where_the_average_is_better_and_is_off_unless_asked_for(gan):
    schedules = ("paper", "fast", "gpu")
    assert all(recipe(name, schedule).artefacts == 0 for name in RECIPES for schedule in schedules)
    hr = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    gradients, meters = [], []
    for weight in (0.0, 2.0):
        s = new_stepper(new_state(replace(gan, artefacts=weight), CPU), None, bf16=False, world=World())
        for parameter in s.state.ema.parameters():
            parameter.detach().mul_(0.9)
        lr, target = pair(s, hr)
        sr, noted = s.state.generator.train()(lr).detach(), torch.zeros_like(s.meters)
        gradients.append(_gradient_at_output(s, noted, sr, target, _of_average(s, lr)))
        meters.append(dict(zip(METERS, noted.tolist(), strict=True)))
    sr.requires_grad_()
    with torch.no_grad():
        average = s.state.ema(lr)
    loss = 2.0 * losses.artefacts(sr, average, target)
    loss.backward()
    torch.testing.assert_close(gradients[1] - gradients[0], sr.grad, rtol=1e-3, atol=1e-8)
    assert meters[0]["artefacts"] == 0
    assert meters[1]["artefacts"] == pytest.approx(float(loss.detach()), rel=1e-4)
    assert meters[1]["loss"] - meters[0]["loss"] == pytest.approx(float(loss.detach()), rel=1e-3)


def test_ldl_is_refused_where_recursions_are_supervised(config, pack, tmp_path):
    drcn = replace(config, recursions=Recursions(), artefacts=1.0)
    with pytest.raises(InputError, match="not for recursions"):
        train(drcn, pack, tmp_path / "run", OPTIONS)


def test_a_log_of_an_older_version_keeps_its_columns(tmp_path):
    (tmp_path / "train.csv").write_text("step,loss,phase\n1,0.5,0\n")
    log = TrainingLog(tmp_path, 1)
    log.add("train", 2, {"loss": 0.25, "artefacts": 7.0, "phase": 3.0})
    log.close()
    assert (tmp_path / "train.csv").read_text().split() == ["step,loss,phase", "1,0.5,0", "2,0.25,3"]


def test_a_discriminator_that_learns_alone_leaves_the_generator_as_it_was(gan, pack, tmp_path):
    gan = replace(gan, steps=6, adversary=replace(gan.adversary, alone=6))
    start = new_state(gan, CPU)
    train(gan, pack, tmp_path / "run", OPTIONS)
    state = new_state(gan, CPU)
    load_state(state, tmp_path / "run" / STATE)
    for now, before in zip(state.generator.parameters(), start.generator.parameters(), strict=True):
        assert torch.equal(now, before)
    moved = zip(state.discriminator.parameters(), start.discriminator.parameters(), strict=True)
    assert any(not torch.equal(now, before) for now, before in moved)


def test_the_discriminators_averages_are_those_of_its_first_batch_after_one_step(gan):
    s, hr = _poisoned(gan)
    norm = next(m for m in s.state.discriminator.modules() if isinstance(m, nn.BatchNorm2d))
    inputs = []
    norm.register_forward_pre_hook(lambda _, x: inputs.append(x[0].detach()))
    step(s, hr)
    torch.testing.assert_close(norm.running_mean, inputs[0].mean((0, 2, 3)))


def test_the_discriminators_norms_are_restored_after_a_step_that_was_not_finite(gan):
    s, hr = _poisoned(gan)
    step(s, hr)
    before = {k: v.clone() for k, v in s.state.discriminator.state_dict().items() if v.is_floating_point()}
    s.shrink.matrix *= float("nan")
    step(s, hr)
    after = s.state.discriminator.state_dict()
    assert all(torch.equal(after[k], before[k]) for k in before)


def test_a_signal_saves_before_anything_else(config, pack, tmp_path, monkeypatch):
    def interrupted(s, crops):
        step(s, crops)
        os.kill(os.getpid(), signal.SIGTERM)

    def slow(*_):
        raise AssertionError("a validation, which may take minutes")

    monkeypatch.setattr("sr_models.training.feed.step", interrupted)
    monkeypatch.setattr(trainer, "validate", slow)
    with pytest.raises(KeyboardInterrupt):
        train(config, pack, tmp_path / "run", OPTIONS)
    state = new_state(config, CPU)
    load_state(state, tmp_path / "run" / STATE)
    assert state.progress.step == 1


def test_a_run_that_goes_on_elsewhere_ships_weights_that_exist(config, pack, tmp_path, monkeypatch):
    train(replace(config, steps=10), pack, tmp_path / "run", OPTIONS)
    monkeypatch.setattr(trainer, "validate", lambda *_: (Validation(1.0, 1.0, 1.0), [np.zeros((48, 64, 3))]))
    monkeypatch.setattr(trainer, "write_samples", lambda *_: None)
    assert train(
        config, pack, tmp_path / "branch", replace(OPTIONS, resume=tmp_path / "run" / STATE)
    ).exists()


def test_a_checkpoint_older_than_a_setting_had_its_default(config, tmp_path, monkeypatch):
    older = config_json(config)
    del older["phase"]
    monkeypatch.setattr("sr_models.training.state.config_json", lambda _: older)
    save_state(new_state(config, CPU), tmp_path / STATE)
    monkeypatch.undo()
    load_state(new_state(config, CPU), tmp_path / STATE)
    with pytest.raises(InputError, match=r"other settings \(phase 0\.0 not 10\.0\)"):
        load_state(new_state(replace(config, phase=10.0), CPU), tmp_path / STATE)


def test_the_length_of_a_run_is_read_from_its_checkpoint(config, tmp_path):
    save_state(new_state(replace(config, steps=77, minutes=1.5), CPU), tmp_path / STATE)
    found = saved_length(config, tmp_path / STATE)
    assert (found.steps, found.minutes) == (77, 1.5)
    assert replace(found, steps=config.steps, minutes=None) == config


def test_the_log_never_goes_back_in_steps_after_a_rollback(config, pack, tmp_path, monkeypatch):
    calls = []

    def sick(s, crops):
        calls.append(1)
        if 10 < len(calls) <= 35:
            s.streak.add_(1.0)
        else:
            step(s, crops)

    monkeypatch.setattr("sr_models.training.feed.step", sick)
    train(replace(config, steps=60, lr=LearningRate(1e-3)), pack, tmp_path / "run", OPTIONS)
    steps = [int(row["step"]) for row in _rows(tmp_path / "run" / "train.csv")]
    assert steps == sorted(set(steps))


def test_snapshots_are_the_weights_of_every_validation(config, pack, tmp_path):
    train(config, pack, tmp_path / "run", replace(OPTIONS, snapshots=True))
    folder = tmp_path / "run" / "snapshots"
    assert [p.name for p in sorted(folder.iterdir())] == ["0000010.safetensors", "0000020.safetensors"]
    assert _same(_tensors(folder / "0000020.safetensors"), _tensors(tmp_path / "run" / LAST))


def test_the_network_is_scaled_to_its_output_in_float32_under_autocast():
    network = SrresnetConfig(blocks=0, width=8).build()
    network.tail.weight.data.zero_()
    network.tail.bias.data.fill_(0.9921875)  # exact in bfloat16; 0.5 * (x + 1) is not
    with torch.autocast("cpu", torch.bfloat16):
        out = network(torch.rand(1, 3, 4, 4))
    assert out.unique().tolist() == [0.99609375]


@pytest.mark.gpu
def test_a_captured_step_learns_what_eager_steps_learn(config, pack, tmp_path):
    options = replace(OPTIONS, device="cuda", validate_every=40)
    for name, graph in (("eager", False), ("graph", True)):
        train(replace(config, steps=40), pack, tmp_path / name, replace(options, graph=graph))
    eager, graph = (_tensors(tmp_path / name / STATE) for name in ("eager", "graph"))
    for key, tensor in eager.items():
        assert torch.allclose(tensor.float(), graph[key].float(), rtol=0.05, atol=5e-3), key
