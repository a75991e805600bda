"""SelfExSR: its pieces by hand, its promises as properties, its scores on a few real pictures."""

import subprocess
import sys

import numpy as np
import pytest

from sr_models.data.errors import InputError
from sr_models.data.image import read_image
from sr_models.data.luma import luma_uint8, psnr
from sr_models.data.resize import imresize
from sr_models.models import MODELS
from sr_models.selfexsr.back_projection import back_project
from sr_models.selfexsr.patch_cost import BIAS_LIMIT, WEIGHTS, patch_cost
from sr_models.selfexsr.planes import find_planes, find_segments, local_affine, points_at, vanishing_points
from sr_models.selfexsr.pyramid import finer_sizes, resize
from sr_models.selfexsr.transforms import A, D, changed, enlarged, in_place, jit
from sr_models.selfexsr.upscale import Options, SelfExsr


def score(sr, hr, crop=4):
    return psnr(luma_uint8(sr)[crop:-crop, crop:-crop], luma_uint8(hr)[crop:-crop, crop:-crop])


@pytest.fixture(scope="module")
def texture():
    """Wavy stripes at two scales side by side: the coarse half shows what the fine one lost."""
    y, x = np.mgrid[:192, :256].astype(float)

    def pattern(y, x):
        return np.tanh(6 * np.sin(x / 5 + 1.5 * np.sin(y / 15)))

    wave = np.where(x < 128, pattern(y, x), pattern(y / 2, (x - 128) / 2))
    return np.round(127.5 + 90 * wave)[..., None].repeat(3, 2).astype(np.uint8)


def test_a_texture_at_two_scales_is_rebuilt_3_db_better_than_by_bicubic(texture):
    lr = imresize(texture, 0.25)
    assert score(SelfExsr(4)(lr), texture) > score(imresize(lr, 4), texture) + 3


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("shape", [(17, 13), (1, 5), (4, 3)])
def test_a_picture_smaller_than_a_patch_grows_by_the_scale(scale, shape, rng):
    lr = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
    sr = SelfExsr(scale)(lr)
    assert sr.shape == (scale * shape[0], scale * shape[1], 3)
    assert sr.dtype == np.uint8


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_constant_picture_stays_constant(scale):
    lr = np.full((17, 13, 3), (10, 128, 255), np.uint8)
    assert np.array_equal(SelfExsr(scale)(lr), lr.repeat(scale, 0).repeat(scale, 1))


def test_a_grey_picture_stays_grey(photo):
    grey = luma_uint8(photo[:24, :32])[..., None].repeat(3, 2)
    sr = SelfExsr(2)(grey).astype(int)
    assert np.ptp(sr, axis=2).max() <= 1


def test_any_number_of_threads_and_a_second_run_give_the_same_bits(photo):
    lr = photo[:33, :41]
    once = SelfExsr(3, Options(threads=1))(lr)
    assert np.array_equal(once, SelfExsr(3, Options(threads=1))(lr))
    assert np.array_equal(once, SelfExsr(3, Options(threads=2))(lr))
    assert not np.array_equal(once, SelfExsr(3, Options(seed=1))(lr))


@pytest.mark.parametrize("planes", [False, True])
def test_the_cost_never_rises_between_iterations(photo, planes):
    costs = []
    SelfExsr(4, Options(planes=planes)).enlarge(photo[:40, :48], lambda *level: costs.append(level[2]))
    assert [len(each) for each in costs] == [13, 10, 7, 4, 4, 4]
    for each in costs:
        assert np.all(np.diff(each) <= 0)
        assert each[-1] < 0.9 * each[0]


def test_the_result_made_smaller_is_the_picture_it_came_from(photo):
    lr = photo[:40, :48]
    again = imresize(SelfExsr(4)(lr), 0.25)
    assert score(again, lr) > 45


def test_back_projection_equals_its_definition_step_by_step(rng):
    small, large = rng.random((9, 11, 3)).astype(np.float32), rng.random((21, 26, 3)).astype(np.float32)
    taps = np.exp(-(np.arange(-2, 3) ** 2) / 2) ** 2
    taps /= taps.sum()
    x = large.astype(float)
    for _ in range(5):
        up = resize((small - resize(x.astype(np.float32), (9, 11))).astype(np.float32), (21, 26)).astype(
            float
        )
        for axis in (0, 1):
            up = np.apply_along_axis(np.convolve, axis, up, taps, mode="same")
        x = x + up
    assert np.allclose(back_project(large, small, 5), x, atol=2e-5)


def test_the_pyramid_ends_at_the_scale_with_the_papers_number_of_levels():
    assert [len(finer_sizes((80, 120), scale)) for scale in (2, 3, 4)] == [3, 5, 6]
    assert finer_sizes((80, 120), 4) == [
        (101, 151),
        (127, 190),
        (160, 240),
        (202, 302),
        (254, 381),
        (320, 480),
    ]


@jit
def _cost(target, soft, y, x, a, b, c, d):
    f = np.float32
    return patch_cost(
        target.reshape(-1, 4), 0, target.shape[1], soft.reshape(-1, 4), 0, soft.shape[1],
        f(y), f(x), f(a), f(b), f(c), f(d),
    )  # fmt: skip


def test_the_patch_cost_equals_plain_numpy_with_and_without_the_bias_limit(rng):
    target, soft = rng.random((5, 5, 4), np.float32), rng.random((20, 24, 4), np.float32)
    target[..., 3] = soft[..., 3] = 0
    for lift in (0, 0.5):  # far lighter patches are corrected by the limit alone
        soft[..., :3] += np.float32(lift)
        y, x, matrix = 9.3, 11.6, np.array([[1.1, 0.2], [-0.3, 0.9]])
        error = np.empty((5, 5, 3))
        for i in range(5):
            for j in range(5):
                py, px = (y, x) + matrix @ (i - 2, j - 2)
                v, u, k, m = py % 1, px % 1, int(py), int(px)
                quad = soft[k : k + 2, m : m + 2, :3]
                found = np.einsum("y,x,yxc->c", [1 - v, v], [1 - u, u], quad)
                error[i, j] = found - target[i, j, :3]
        bias = error.mean((0, 1)).clip(-BIAS_LIMIT, BIAS_LIMIT)
        want = (WEIGHTS[..., None] * (error - bias) ** 2).sum()
        assert _cost(target, soft, y, x, *matrix.ravel()) == pytest.approx(want, rel=1e-4)


def test_a_turn_and_its_opposite_give_the_transform_back():
    there = changed(1.2, 0.1, -0.1, 1.3, 0.0, 0.7, 0.0, 0.0)
    assert changed(*there, 0.0, -0.7, 0.0, 0.0) == pytest.approx((1.2, 0.1, -0.1, 1.3), abs=1e-6)


def test_growth_is_the_change_of_the_scale():
    a, b, c, d = changed(1.25, 0.0, 0.0, 1.25, 0.4, 0.3, 0.0, 0.0)
    assert np.sqrt(a * d - b * c) == pytest.approx(1.25 + 0.5 * 0.4, abs=1e-6)


def test_a_field_taken_to_a_finer_level_and_back_is_the_same_field(rng):
    field = in_place((20, 30), 1.3)
    field[..., A : D + 1] += rng.normal(0, 0.05, (20, 30, 4)).astype(np.float32)
    back = enlarged(enlarged(field, (60, 90)), (20, 30))
    inside = np.s_[2:-2, 2:-2]
    assert np.allclose(back[inside], field[inside], atol=1e-4)


def test_a_patch_on_a_plane_keeps_its_size_there():
    """A square of the plane, seen at two places, is carried onto itself by the local transform."""
    line = np.array([0.002, -0.001, 1.0])

    def seen(flat):  # the inverse of (x, y) -> (x, y) / w
        w = 1 / (1 - line[0] * flat[0] - line[1] * flat[1]) * line[2]
        return np.array(flat) * w

    here, there, step = (20.0, 30.0), (60.0, 90.0), 1e-4
    x, y = seen(here)
    to_x, to_y = seen(there)
    a, b, c, d = local_affine(line, y, x, to_y, to_x)
    for dx, dy in ((step, 0), (0, step)):
        move = (seen((here[0] + dx, here[1] + dy)) - (x, y))[::-1]
        want = (seen((there[0] + dx, there[1] + dy)) - (to_x, to_y))[::-1]
        assert np.allclose([[a, b], [c, d]] @ move, want, rtol=1e-3, atol=1e-8)
    back = local_affine(line, to_y, to_x, y, x)
    assert np.allclose(np.reshape(back, (2, 2)) @ [[a, b], [c, d]], np.eye(2), atol=1e-6)


@pytest.fixture(scope="module")
def facade():
    """A wall of windows that recedes to the right: horizontals meet at (300, 60), verticals are parallel."""
    y, x = np.mgrid[:480, :640] / 4.0
    depth = 300 / (300 - x)
    across, down = (depth - 1) * 25, (y - 60) * depth / 24
    window = (across % 1 < 0.6) & (down % 1 < 0.5)
    large = np.where(window, 40, 200).astype(np.uint8)[..., None].repeat(3, 2)
    return imresize(large, 0.25)


def test_the_vanishing_point_of_a_facade_is_found(facade):
    segments = find_segments(facade)
    points, _ = vanishing_points(segments, np.random.default_rng(0))
    finite = [point[:2] / point[2] * 160 for point in points if abs(point[2]) > 0.1 * np.abs(point).max()]
    assert min(np.hypot(*(point - (300, 60))) for point in finite) < 15
    assert any(abs(p[1]) > 20 * abs(p[0]) and abs(p[1]) > 20 * abs(p[2]) for p in points)  # the verticals'
    assert points_at(segments, points[0]).sum() >= 6


def test_a_facade_has_a_plane_and_a_constant_picture_has_none(facade):
    planes = find_planes(facade)
    assert planes.posterior.max(axis=0).mean() > 0.3
    assert planes.posterior.sum(axis=0).max() <= 1
    assert len(find_planes(np.full((20, 30, 3), 90, np.uint8)).lines) == 0


def test_planes_do_not_spoil_a_facade_and_repeat_bit_for_bit(facade):
    lr = imresize(facade, 0.5)
    first = SelfExsr(2, Options(planes=True))(lr)
    assert np.array_equal(first, SelfExsr(2, Options(planes=True, threads=2))(lr))
    assert score(first, facade) > score(SelfExsr(2)(lr), facade) - 0.3
    assert score(first, facade) > score(imresize(lr, 2), facade) + 1


@pytest.mark.data
@pytest.mark.parametrize(
    ("image", "scale", "psnr_db"), [(2, 4, 32.732), (3, 4, 24.028), (3, 2, 31.306)], ids=str
)
def test_real_pictures_score_what_was_measured(data_folder, image, scale, psnr_db):
    stem = f"img_{image:03d}_SRF_{scale}"
    lr, hr = (read_image(data_folder / "Set5" / f"x{scale}" / f"{stem}_{kind}.png") for kind in ("LR", "HR"))
    assert score(SelfExsr(scale)(lr), hr, scale) == pytest.approx(psnr_db, abs=0.02)


def test_importing_the_models_does_not_start_the_compiler():
    code = "import sys, sr_models.models as m; list(m.MODELS); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_models_are_slow_and_built_by_name():
    assert all(MODELS[name].slow for name in ("selfexsr", "selfexsr-planes", "selfexsr-quick"))
    assert MODELS["selfexsr-quick"].build(2).options.iterations == (6, 4, 3, 2, 2, 2)


def test_what_cannot_be_done_is_said():
    with pytest.raises(InputError, match="expected a scale of 2 or more, got 1"):
        SelfExsr(1)
    with pytest.raises(InputError, match="expected a number of iterations, 0 or more"):
        Options(iterations=(3, -1))
