"""Several pictures of one size at once, for models that gain from it; the CPU stands in for a GPU."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.running import workers
from bench.running.request import Request
from bench.running.run import run
from bench.store.table import read_scores
from sr_models.data.image import write_image
from sr_models.inference.torch_upscaler import Inference, TorchUpscaler, pictures_at_once

MODULE = """
from pathlib import Path

class Twice:
    version = "1"

    def __init__(self, scale):
        self.scale = scale

    def __call__(self, lr):
        self.note(1)
        if lr[0, 0, 0] == {refused}:
            raise ValueError("on purpose")
        return lr.repeat(self.scale, 0).repeat(self.scale, 1)

    def at_once(self, shape):
        return {at_once}

    def batch(self, lrs):
        self.note(len(lrs))
        if any(lr[0, 0, 0] == {refused} for lr in lrs):
            raise ValueError("on purpose")
        return [lr.repeat(self.scale, 0).repeat(self.scale, 1) for lr in lrs]

    def note(self, n):
        with Path({log!r}).open("a") as file:
            file.write(f"{{n}} ")
"""


@pytest.fixture
def folder(tmp_path, photo):
    """Seven pictures of two sizes by turns."""
    for n in range(7):
        height, width = (48, 64) if n % 2 else (64, 48)
        part = np.ascontiguousarray(photo[n : n + height, :width])
        part[:16, :16] = 10 * n
        write_image(tmp_path / "in" / f"{n}.png", part)
    return tmp_path / "in"


def scored(tmp_path, folder, at_once, refused=-1):
    log = tmp_path / f"{at_once}.log"
    file = tmp_path / f"m{at_once}.py"
    file.write_text(MODULE.format(at_once=at_once, log=str(log), refused=refused))
    out = tmp_path / f"out{at_once}"
    summary = run(Request(out, datasets=(f"mine={folder}",), models=(f"m={file}:Twice", "nearest")))
    return {row.identity: row.value for row in read_scores(out)}, log.read_text().split(), summary


def test_rows_of_batches_are_those_of_one_picture_at_a_time(tmp_path, folder):
    alone, calls, _ = scored(tmp_path, folder, 1)
    assert calls == ["1"] * 7
    together, calls, _ = scored(tmp_path, folder, 3)
    assert together == alone
    assert calls == ["2", "1", "2", "1", "1"]  # of three pictures each: two sizes by turns
    together, calls, _ = scored(tmp_path, folder, 100)
    assert together == alone
    assert calls == ["4", "3"]


def test_a_picture_that_sinks_its_batch_sinks_nothing_else(tmp_path, folder):
    rows, calls, summary = scored(tmp_path, folder, 100, refused=20)
    assert calls == ["4", "1", "1", "1", "1", "3"]
    assert len(summary.failures) == 1
    assert "m on mine/2: ValueError: on purpose" in summary.failures[0]
    assert {identity[5] for identity in rows if identity[0] == "m"} == {"0", "1", "3", "4", "5", "6"}


def test_pictures_that_wait_for_others_are_bounded(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(workers, "_MOST_PIXELS", 5000)
    assert scored(tmp_path, folder, 100)[1] == ["1"] * 7


def test_pictures_kept_from_an_earlier_run_are_no_part_of_a_batch(tmp_path, folder):
    scored(tmp_path, folder, 100)
    (tmp_path / "out100/images/m/mine/x4/2.png").unlink()
    request = Request(
        tmp_path / "out100", datasets=(f"mine={folder}",), models=(f"m={tmp_path}/m100.py:Twice",)
    )
    run(replace(request, metrics=("psnr", "rmse")))
    assert (tmp_path / "100.log").read_text().split() == ["4", "3", "1"]


@pytest.mark.parametrize("at_once", ["None", "'many'", "2.5", "-1", "1 / 0"])
def test_a_model_that_does_not_say_how_many_gets_one_at_a_time(tmp_path, folder, at_once):
    log, file = tmp_path / "log", tmp_path / "m.py"
    file.write_text(MODULE.format(at_once=at_once, log=str(log), refused=-1))
    summary = run(Request(tmp_path / "out", datasets=(f"mine={folder}",), models=(f"m={file}:Twice",)))
    assert (summary.computed, summary.failures) == (14, [])
    assert set(log.read_text().split()) <= {"1", "2"}


def test_our_networks_take_batches_on_cuda_only_and_as_many_as_need_no_tiles():
    network = torch.nn.Identity()
    network.floats_per_pixel, network.reach = 1024, 10
    on = {name: Inference(name, memory_mb=256) for name in ("cpu", "mps", "cuda", "cuda:1")}
    asked = {name: pictures_at_once(network, (50, 80, 3), inference) for name, inference in on.items()}
    assert asked == {"cpu": 1, "mps": 1, "cuda": 6, "cuda:1": 6}  # 6 * 4 * 1024 * (80 + 2 * 10)^2 B < 256 MiB
    assert pictures_at_once(network, (8, 8, 3), on["cuda"]) == 32
    assert pictures_at_once(network, (500, 500, 3), on["cuda"]) == 1
    network.floats_per_pixel = 0
    assert pictures_at_once(network, (50, 80, 3), on["cuda"]) == 1


def test_a_network_in_batches_scores_as_one_picture_at_a_time(tmp_path, folder, monkeypatch):
    request = Request(tmp_path / "alone", datasets=(f"mine={folder}",), models=("srresnet-mse",), limit=4)
    run(request)
    sizes, batch = [], TorchUpscaler.batch

    def noted(self, lrs):
        sizes.append(len(lrs))
        return batch(self, lrs)

    monkeypatch.setattr(TorchUpscaler, "at_once", lambda *_: 4)
    monkeypatch.setattr(TorchUpscaler, "batch", noted)
    run(replace(request, results=tmp_path / "together"))
    assert sizes == [2, 2]
    alone, together = (read_scores(tmp_path / name) for name in ("alone", "together"))
    assert [row.identity for row in alone] == [row.identity for row in together]
    assert [row.value for row in together] == pytest.approx([row.value for row in alone], abs=1e-3)
