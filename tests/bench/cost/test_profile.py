"""What a model costs, against what can be counted by hand."""

import os
import time
from dataclasses import dataclass, replace

import numpy as np
import pytest

from bench.cli import main
from bench.cost import measure as cost
from bench.cost import profile
from bench.cost.profile import profile_models
from bench.reports.cost_table import cost_table
from bench.running.entrants import ModelEntrant
from bench.store.rows import Profile
from bench.store.table import profiles_table, read_profiles
from sr_models.data.errors import InputError
from sr_models.networks.drcn import DrcnConfig
from sr_models.networks.srresnet import SrresnetConfig

HELD_MIB = 64


@dataclass
class Holds:
    """Nearest neighbour that fills HELD_MIB for a moment."""

    scale: int

    def __call__(self, lr):
        np.ones(HELD_MIB * 2**20, np.uint8)
        return lr.repeat(self.scale, 0).repeat(self.scale, 1)


def holds(scale):
    return Holds(scale)


holds.version = "1"


def fails(scale):
    raise ZeroDivisionError("on purpose")


def dies(scale):
    os._exit(1)


def sleeps(scale):
    time.sleep(60)


def entrant(name, version="1", *, self_ensemble=False):
    return ModelEntrant(name.partition("=")[0], name, version, "cpu", self_ensemble=self_ensemble)


def here(name):
    return entrant(f"mine={__name__}:{name}")


@pytest.fixture
def quick(monkeypatch):
    """Timings do not matter here."""
    monkeypatch.setattr(cost, "BUDGET_SECONDS", 0.0)


def test_macs_are_those_of_the_convolutions_and_flops_are_two_each(quick):
    counted = cost.measure(entrant("espcn"), 4)
    weights = 5 * 5 * 64 + 3 * 3 * 64 * 32 + 3 * 3 * 32 * 16  # at each of the 320 x 180 LR pixels
    assert counted.flops == 2 * weights * 320 * 180
    assert counted.parameters == weights + 64 + 32 + 16


def test_batch_norms_count_as_parameters_though_they_are_folded(quick):
    assert cost.measure(entrant("srresnet-mse"), 4).parameters == 1_549_462


def test_srcnn_costs_what_its_enlarged_picture_costs(quick):
    counted = cost.measure(entrant("srcnn"), 4)
    enlargement = 25 * 16 * 320 * 180  # the bicubic of its first step, as a convolution
    features = (81 * 64 + 64 * 32) * 1284 * 724  # two more pixels on each side, for the last convolution
    assert counted.flops == 2 * (enlargement + features + 25 * 32 * 1280 * 720)


@pytest.mark.parametrize(
    ("network", "channels", "gflops"), [(SrresnetConfig(), 3, 42.59), (DrcnConfig(), 1, 5991.44)]
)
def test_large_networks_are_counted_without_running_them(network, channels, gflops):
    counted = cost._flops(network.build().eval(), (1, channels, 80, 120))  # 480 x 320, as others counted
    assert counted / 1e9 == pytest.approx(gflops, abs=0.01)


def test_eight_orientations_cost_eight_times_as_much(quick):
    ensemble = entrant("espcn", self_ensemble=True)
    assert cost.measure(ensemble, 4).flops == 8 * cost.measure(entrant("espcn"), 4).flops


def test_what_is_no_network_has_no_parameters_and_no_macs():
    counted = cost.measure(entrant("nearest"), 4)
    assert (counted.parameters, counted.flops) == (0, None)
    assert len(counted.latencies_ms) == cost.MAX_REPEATS


def test_of_somebody_elses_class_the_parameters_are_not_known(quick):
    assert cost.measure(here("holds"), 4).parameters is None


def test_peak_memory_is_what_a_picture_adds(quick):
    peak = cost.measure(here("holds"), 4).peak_memory_mib
    assert HELD_MIB - 4 < peak < HELD_MIB + 16  # the output and its copies are 4 MiB


def test_a_slow_model_is_timed_once(quick):
    counted = cost.measure(entrant("nearest"), 4)
    assert len(counted.latencies_ms) == 1
    assert cost.quartile_range(counted.latencies_ms) is None


@pytest.mark.parametrize(("scale", "size"), [(2, (640, 360)), (3, (427, 240)), (4, (320, 180))])
def test_the_output_has_at_least_1280x720_pixels(scale, size):
    picture = cost.lr_picture(scale)
    assert picture.shape == (size[1], size[0], 3)
    assert cost.lr_size(scale) == size


def test_quartiles_are_numpys():
    values = tuple(np.random.default_rng(0).normal(50, 5, 11))
    assert cost.quartile_range(values) == pytest.approx(np.subtract(*np.percentile(values, [75, 25])))


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("fails", "ZeroDivisionError: on purpose"),
        ("dies", "its process died"),
        ("sleeps", "one picture takes over 3 s: stopped"),
    ],
)
def test_a_model_that_cannot_be_profiled_is_named_with_the_reason(tmp_path, monkeypatch, name, complaint):
    monkeypatch.setattr(profile, "LIMIT_SECONDS", 3 if name == "sleeps" else 60)
    table = profiles_table(tmp_path)
    ((_, failure),) = profile_models([here(name)], 4, table)
    assert failure.startswith("profile of mine: ")
    assert complaint in failure
    assert list(table) == []


def row(**changes):
    blank = profile._blank(entrant("nearest"), 4)
    return replace(blank, parameters=0, latency_ms=1.5, **changes)


def test_a_row_is_used_again_until_its_key_changes(tmp_path, monkeypatch):
    table = profiles_table(tmp_path)
    table.add([row()])
    assert list(profile_models([entrant("nearest")], 4, table)) == []
    monkeypatch.setattr(profile, "_in_a_process", lambda *_: cost.Cost(0, None, (2.0,), None))
    newer = entrant("nearest", version="2")
    assert list(profile_models([newer], 4, table)) == [(newer, "")]
    assert [each.latency_ms for each in table] == [2.0]


def test_a_model_without_a_version_is_measured_every_time(tmp_path, monkeypatch):
    monkeypatch.setattr(profile, "_in_a_process", lambda *_: cost.Cost(0, None, (2.0,), None))
    table = profiles_table(tmp_path)
    unknown = entrant("nearest", version=None)
    assert [len(list(profile_models([unknown], 4, table))) for _ in range(2)] == [1, 1]


def test_profiles_survive_the_way_to_disk(tmp_path):
    written = [row(), row(scale=2, macs=5, flops=10, latency_iqr_ms=0.25, peak_memory_mib=7.0)]
    table = profiles_table(tmp_path)
    table.add(written)
    table.merge()
    assert read_profiles(tmp_path) == sorted(written)
    head = (tmp_path / "profile.csv").read_text().splitlines()[0]
    assert head == (
        "model,scale,output,device,dtype,threads,parameters,macs,flops,"
        "latency_ms,latency_iqr_ms,peak_memory_mib,key"
    )


def test_a_broken_profile_is_one_line(tmp_path):
    (tmp_path / "profile.csv").write_text("nearest,4\n")
    with pytest.raises(InputError, match=r"profile\.csv, line 1: expected model, scale"):
        read_profiles(tmp_path)


def test_the_tables_show_what_models_cost(tmp_path, capsys):
    arguments = ["run", "--models", "nearest", "--metrics", "psnr", "--results", str(tmp_path)]
    assert main([*arguments, "--profile", "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    assert "1 model profiled" in err
    assert "| model | Parameters (K) | MACs (G) | FLOPs (G) | Latency (ms) |" in out
    assert "| nearest | 0 | n/a | n/a |" in out
    assert "FLOPs = 2 MACs" in out
    (found,) = read_profiles(tmp_path)
    assert isinstance(found, Profile)
    assert found.output == "1280x720"
    for suffix in ("md", "tex", "html"):
        text = (tmp_path / f"tables/matlab_x4_matlab.{suffix}").read_text()
        assert f"{found.latency_ms:,.1f}" in text
    assert main([*arguments, "--device", "cpu"]) == 0
    assert main(["report", str(tmp_path), "--check"]) == 0


def test_what_all_rows_share_is_a_note_and_what_differs_a_column():
    one, other = row(), row(device="another machine")
    same, mixed = cost_table([one, one]), cost_table([one, other])
    assert one.device in same.notes[0]
    assert len(same.headings) == len(same.rows[0]) == 7
    assert mixed.headings[-1] == "Output, device"
    assert [cells[-1] for cells in mixed.rows] == [
        f"1280x720, {each.device}, fp32, {one.threads} thread" + "s" * (one.threads != 1)
        for each in (one, other)
    ]
