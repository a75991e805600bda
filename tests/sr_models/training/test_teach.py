"""Targets of a teacher: the right pixels, cut where the original is, and weighted as the config says."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from sr_models.cli import main
from sr_models.data.errors import InputError
from sr_models.data.resize import imresize
from sr_models.inference.torch_upscaler import Inference
from sr_models.inference.weights_file import load_card, open_weights
from sr_models.training import losses
from sr_models.training.crops import crop_source
from sr_models.training.near_duplicates import UNCHECKED
from sr_models.training.pack import write_pack
from sr_models.training.state import new_state
from sr_models.training.step import new_stepper, pair
from sr_models.training.teach import Teaching, open_targets, write_targets
from sr_models.training.train import BEST, LAST, TrainOptions, train
from sr_models.training.world import World

CPU = torch.device("cpu")
OPTIONS = TrainOptions(device="cpu", precision="fp32", log_every=5, validate_every=10, quiet=True)
ABOUT = {"name": "bicubic"}
HOW = Teaching(8, about=ABOUT)


@dataclass(frozen=True)
class Bicubic:
    """A teacher without weights."""

    scale: int = 4

    def __call__(self, lr):
        return imresize(lr, 4)


@pytest.fixture
def targets(pack, tmp_path):
    return write_targets(pack, Bicubic(), tmp_path / "targets.pack", HOW, quiet=True)


def test_a_target_is_what_the_teacher_makes_of_the_reduced_picture(pictures, tmp_path):
    pack = write_pack([pictures], tmp_path / "odd.pack", UNCHECKED, min_side=32, copies=[0.7], quiet=True)
    targets = write_targets(pack, Bicubic(), tmp_path / "odd targets.pack", Teaching(1), quiet=True)
    held_out = 0
    for before, after in zip(pack.pictures, targets.pictures, strict=True):
        original, target = pack.image(before), targets.image(after)
        h, w = before.height // 4 * 4, before.width // 4 * 4
        assert (before.name, before.offset, before.held_out) == (after.name, after.offset, after.held_out)
        if before.held_out:
            held_out += 1
            assert np.array_equal(original, target)
            continue
        expected = imresize(imresize(original[:h, :w], 1 / 4), 4)
        assert np.array_equal(target[:h, :w], expected)
        assert not np.array_equal(target[:h, :w], original[:h, :w])
        assert np.array_equal(target[h:], original[h:])
        assert np.array_equal(target[:, w:], original[:, w:])
    assert held_out
    assert any(p.height % 4 or p.width % 4 for p in pack.pictures)


@dataclass(frozen=True)
class _Corner:
    """A teacher that depends on orientation: bicubic, and brighter to the right and below."""

    scale: int = 4

    def __call__(self, lr):
        sr = imresize(lr, 4).astype(int) // 2
        sr[:, sr.shape[1] // 2 :, 0] += 16
        sr[sr.shape[0] // 2 :, :, 1] += 32
        return sr.astype(np.uint8)


@pytest.mark.parametrize(
    ("orientations", "right", "below"),
    # Turned four times, what lies right lies once on every side: 1/2 of the step everywhere. Of 8 as well.
    [(1, (16, 0), (32, 0)), (4, (8, 8), (16, 16)), (8, (8, 8), (16, 16))],
)
def test_the_target_is_the_mean_over_the_orientations(orientations, right, below, pack, tmp_path):
    targets = write_targets(pack, _Corner(), tmp_path / "t.pack", Teaching(orientations), quiet=True)
    index = next(i for i, p in enumerate(pack.pictures) if not p.held_out)
    picture = pack.pictures[index]
    base = np.stack(
        [
            np.rot90(imresize(np.rot90(imresize(pack.image(picture), 1 / 4), k), 4).astype(int) // 2, -k)
            for k in range(4)
        ]
    ).mean(0)
    extra = targets.image(targets.pictures[index]).astype(float) - base
    h, w = extra.shape[0] // 2, extra.shape[1] // 2
    assert np.allclose([extra[:, w:, 0].mean(), extra[:, :w, 0].mean()], right, atol=0.5)
    assert np.allclose([extra[h:, :, 1].mean(), extra[:h, :, 1].mean()], below, atol=0.5)


def test_pictures_side_by_side_give_the_same_file(pack, targets, tmp_path):
    write_targets(pack, Bicubic(), tmp_path / "three.pack", Teaching(jobs=3, about=ABOUT), quiet=True)
    assert (tmp_path / "three.pack").read_bytes() == targets.path.read_bytes()


def test_targets_know_their_pack_and_their_teacher(pack, targets, pictures, tmp_path):
    assert open_targets(targets.path, pack).teacher == {**ABOUT, "orientations": 8, "pack": pack.digest()}
    with pytest.raises(InputError, match="pictures, not targets: make them with `sr-models teach`"):
        open_targets(pack.path, pack)
    other = write_pack([pictures], tmp_path / "other.pack", UNCHECKED, min_side=32, copies=[0.9], quiet=True)
    with pytest.raises(InputError, match=f"made from the pack {pack.digest()}, expected {other.digest()}"):
        open_targets(targets.path, other)


def test_with_targets_crops_begin_on_the_grid_of_the_scale_and_reach_the_last_place(pack):
    plan = crop_source(pack, 32, grid=4).plan(0, 0, 5000, 8).reshape(-1, 3)
    for picture in (p for p in pack.pictures if not p.held_out):
        mine = plan[(plan[:, 0] >= picture.offset) & (plan[:, 0] < picture.offset + picture.size)]
        y, rest = np.divmod(mine[:, 0] - picture.offset, mine[:, 1])
        assert set(y) == set(range(0, picture.height - 32 + 1, 4))
        assert set(rest // 3) == set(range(0, picture.width - 32 + 1, 4))


def test_a_share_moves_the_original_towards_the_target_and_weighs_the_two_errors(config):
    config = replace(config, target_share=0.75)
    stepper = new_stepper(new_state(config, CPU), None, bf16=False, world=World(0, 1))
    rng = torch.Generator().manual_seed(0)
    hr, target = (torch.randint(0, 256, (2, 3, 32, 32), generator=rng, dtype=torch.uint8) for _ in range(2))
    stepper.enter(config.part(0, 0.0)._replace(crop_px=32))
    lr, mixed = pair(stepper, hr, target)
    assert torch.equal(lr, pair(stepper, hr)[0])  # the input stays the original's
    sr = torch.rand(hr.shape, generator=rng).requires_grad_()
    losses.mse(sr, mixed).backward()
    gradient, sr.grad = sr.grad, None
    (0.25 * losses.mse(sr, hr / 255.0) + 0.75 * losses.mse(sr, target / 255.0)).backward()
    assert torch.allclose(gradient, sr.grad, atol=1e-7)


def test_a_network_learns_from_its_targets(config, pack, targets, tmp_path):
    """All weight on the targets: the loss is that against the teacher, not that against the originals."""
    config = replace(config, steps=40, target_share=1.0)
    train(config, pack, tmp_path / "run", replace(OPTIONS, targets=targets.path))
    card = load_card(tmp_path / "run" / BEST)
    assert card.recipe["teacher"] == {**ABOUT, "orientations": 8, "pack": pack.digest()}
    assert card.recipe["target_share"] == 1.0
    model = open_weights(tmp_path / "run" / LAST)
    image = next(pack.image(p) for p in pack.pictures if not p.held_out)
    lr = imresize(image[:48, :48], 1 / 4)
    far = np.abs(model(lr).astype(int) - image[:48, :48]).mean()
    near = np.abs(model(lr).astype(int) - Bicubic()(lr)).mean()
    assert near < far


def test_targets_equal_to_the_originals_teach_what_the_originals_do(config, pack, tmp_path):
    held = {p.name: pack.image(p) for p in pack.pictures}
    same = write_targets(
        pack, _Remembering(list(held.values())), tmp_path / "same.pack", Teaching(1), quiet=True
    )
    assert same.digest() == pack.digest()
    options = replace(OPTIONS, targets=same.path)
    for share in (0.25, 1.0):
        train(replace(config, target_share=share), pack, tmp_path / f"{share}", options)
    few, all_ = (load_card(tmp_path / share / LAST).measured for share in ("0.25", "1.0"))
    assert few["held_out"]["psnr_db"] == pytest.approx(all_["held_out"]["psnr_db"], abs=1e-3)


@dataclass(frozen=True)
class _Remembering:
    """A teacher that finds the original whose reduced picture it is given."""

    originals: list
    scale: int = 4

    def __call__(self, lr):
        for image in self.originals:
            whole = image[: image.shape[0] // 4 * 4, : image.shape[1] // 4 * 4]
            if whole.shape[0] == 4 * lr.shape[0] and np.array_equal(imresize(whole, 1 / 4), lr):
                return whole
        raise AssertionError("expected the LR side of an original")


def test_targets_and_their_share_come_together(config, gan, pack, targets, tmp_path):
    together = "targets and the share they count with are given together"
    with pytest.raises(InputError, match=together):
        train(config, pack, tmp_path / "a", replace(OPTIONS, targets=targets.path))
    with pytest.raises(InputError, match=together):
        train(replace(config, target_share=0.5), pack, tmp_path / "b", OPTIONS)
    with pytest.raises(InputError, match="for networks trained on the mean squared error alone"):
        train(replace(gan, target_share=0.5), pack, tmp_path / "c", replace(OPTIONS, targets=targets.path))
    assert not any((tmp_path / name).exists() for name in "abc")


def test_a_run_goes_on_with_the_targets_it_began_with(config, pack, targets, tmp_path):
    config = replace(config, target_share=0.5)
    path = train(replace(config, steps=10), pack, tmp_path / "run", replace(OPTIONS, targets=targets.path))
    other = write_targets(pack, _Flat(), tmp_path / "flat.pack", HOW, quiet=True)
    resume = replace(OPTIONS, resume=path.with_name("state.safetensors"), targets=other.path)
    with pytest.raises(InputError, match=r"other settings \(targets"):
        train(config, pack, tmp_path / "run", resume)
    assert train(config, pack, tmp_path / "run", replace(resume, targets=targets.path)) == path


@dataclass(frozen=True)
class _Flat:
    scale: int = 4

    def __call__(self, lr):
        return np.full((4 * lr.shape[0], 4 * lr.shape[1], 3), 128, np.uint8)


def test_the_commands_make_targets_and_train_on_them(config, pack, tmp_path, capsys):
    weights = train(config, pack, tmp_path / "teacher", OPTIONS)
    out = tmp_path / "targets.pack"
    assert main(["teach", str(pack.path), str(weights), "--out", str(out), "--device", "cpu"]) == 0
    assert f"{len(pack.pictures)} targets of best" in capsys.readouterr().out
    made = open_targets(out, pack)
    assert made.teacher is not None
    assert made.teacher["name"] == "best"
    teacher = open_weights(weights)
    teacher = replace(
        teacher, inference=Inference("cpu", self_ensemble=True)
    )  # rounds once, targets eight times
    picture = next(p for p in pack.pictures if not p.held_out)
    whole = pack.image(picture)[: picture.height // 4 * 4, : picture.width // 4 * 4]
    target = made.image(made.pictures[pack.pictures.index(picture)])
    expected = teacher(imresize(whole, 1 / 4)).astype(int)
    assert np.abs(target[: whole.shape[0], : whole.shape[1]] - expected).max() <= 1
    run = ["train", "espcn", "--data", str(pack.path), "--out", str(tmp_path / "run"), "--steps", "4"]
    run += ["--crop", "32", "--batch", "2", "--device", "cpu", "--targets", str(out)]
    assert main(run) == 0
    assert load_card(tmp_path / "run" / BEST).recipe["target_share"] == 0.8
