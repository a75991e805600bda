import subprocess
import sys

import numpy as np
import pytest
from made_scores import run_of, scores_of

from bench.analysis.board import boards
from bench.cli import main
from bench.store.table import read_scores
from sr_models.data.image import write_image


def test_help_imports_nothing_heavy():
    program = (
        "import sys, contextlib\nfrom bench.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['run', '--help'])\n"
        "heavy = {'numpy', 'torch', 'scipy', 'pandas', 'matplotlib', 'skimage', 'PIL'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--datasets" in done.stdout


def test_the_main_job_writes_tables_plots_and_pictures(tmp_path, capsys):
    assert main(["run", "--models", "nearest", "bicubic", "--results", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "| bicubic | **28.53** | **0.8035** |" in out
    assert "12 scores computed; 0 reused" in err
    wanted = [
        "scores.csv",
        "run.json",
        "images/hr/sample/x4/coffee.png",
        "images/bicubic/sample/x4/chelsea.png",
    ]
    wanted += [f"tables/matlab_x4_matlab.{suffix}" for suffix in ("md", "csv", "tex", "html")]
    wanted += [f"plots/matlab_x4_matlab_sample.{suffix}" for suffix in ("png", "svg")]
    assert [name for name in wanted if not (tmp_path / name).is_file()] == []
    assert main(["report", str(tmp_path), "--check"]) == 0
    (tmp_path / "tables/matlab_x4_matlab.md").unlink()
    assert main(["report", str(tmp_path), "--check"]) == 1
    assert main(["report", str(tmp_path)]) == 0
    assert main(["report", str(tmp_path), "--check"]) == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run", "--models", "bicubik"], "bench run: no model called 'bicubik'; did you mean bicubic?"),
        (["run", "--datasets", "Set6"], "bench run: no dataset called 'Set6'; did you mean Set5?"),
        (["report", "nowhere"], "bench report: nowhere is not a folder"),
        (["fetch", "Set55"], "bench fetch: no dataset called 'Set55'"),
        (["fetch", "Set5", "--scale", "7"], "bench fetch: Set5 has no such scale; it has x2 x3 x4"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, arguments, complaint):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(complaint)
    assert err.count("\n") == 1


def test_a_place_that_cannot_be_written_is_one_line(tmp_path, capsys):
    run_of(tmp_path, scores_of("a", [1.0]))
    (tmp_path / "file").touch()
    assert main(["page", str(tmp_path), "--out", str(tmp_path / "file" / "page.html")]) == 2
    err = capsys.readouterr().err
    assert err.startswith("bench page: ")
    assert err.count("\n") == 1
    assert "file" in err


def test_a_bad_picture_is_reported_at_the_end_and_the_exit_says_so(tmp_path, capsys, photo):
    write_image(tmp_path / "in" / "good.png", photo)
    (tmp_path / "in" / "bad.png").write_bytes(b"")
    arguments = ["run", "--models", "bicubic", "--datasets", f"mine={tmp_path / 'in'}"]
    assert main([*arguments, "--results", str(tmp_path / "out")]) == 1
    out, err = capsys.readouterr()
    assert "| bicubic |" in out
    assert "failed: mine/bad: " in err


def test_a_mod_12_crop_is_warned_about(tmp_path, capsys, photo):
    write_image(tmp_path / "in" / "a.png", np.ascontiguousarray(photo[:50, :50]))
    arguments = [
        "run",
        "--models",
        "nearest",
        "--datasets",
        f"mine={tmp_path / 'in'}",
        "--crop-multiple",
        "12",
    ]
    assert main([*arguments, "--results", str(tmp_path / "out")]) == 0
    assert "multiples of 12: other pixels, other numbers" in capsys.readouterr().err


def test_two_pictures_and_two_folders_are_scored(tmp_path, capsys, photo):
    for n in range(2):
        hr = np.ascontiguousarray(photo[8 * n : 8 * n + 64, :64])
        write_image(tmp_path / "hr" / f"p{n}.png", hr)
        write_image(tmp_path / "sr" / f"p{n}.png", hr + (hr < 200))
    write_image(tmp_path / "hr" / "alone.png", hr)
    assert main(["score", str(tmp_path / "sr"), str(tmp_path / "hr"), "--protocol", "rgb"]) == 0
    out, err = capsys.readouterr()
    head, *body = (line.split("  ") for line in out.splitlines())
    assert [line[0] for line in [head, *body]] == ["PICTURE", "p0", "p1", "mean of 2"]
    assert "alone.png has no partner" in err
    assert main(["score", str(tmp_path / "hr/p0.png"), str(tmp_path / "hr/p0.png")]) == 0
    assert "inf" in capsys.readouterr().out
    assert main(["score", str(tmp_path / "sr"), str(tmp_path / "hr/p0.png")]) == 2
    assert "expected two files or two folders" in capsys.readouterr().err


def test_what_no_longer_belongs_is_listed_and_dropped(tmp_path, capsys, photo):
    for name in ("a", "b"):
        write_image(tmp_path / "in" / f"{name}.png", np.ascontiguousarray(photo[:48, :48]))
    module = tmp_path / "mine.py"
    module.write_text(
        "class Twice:\n    def __init__(self, scale): self.scale = scale\n"
        "    def __call__(self, lr): return lr.repeat(self.scale, 0).repeat(self.scale, 1)\n"
        "Twice.version = '1'\n"
    )
    arguments = ["run", "--models", "nearest", f"mine={module}:Twice", "--datasets", f"own={tmp_path / 'in'}"]
    assert main([*arguments, "--results", str(tmp_path / "out")]) == 0
    assert main(["clean", str(tmp_path / "out")]) == 0
    assert "every row, picture and model belongs" in capsys.readouterr().err
    module.unlink()
    stray = tmp_path / "out/images/gone/own/x4/a.png"
    write_image(stray, photo)
    assert main(["clean", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "4 scores: mine cannot be opened any more: " in out
    assert "1 pictures: not listed in images/index.csv" in out
    assert main(["clean", str(tmp_path / "out"), "--drop"]) == 0
    assert not stray.exists()
    assert {row.model for row in read_scores(tmp_path / "out")} == {"nearest"}
    assert not (tmp_path / "out/images/mine/own/x4/a.png").exists()
    assert main(["report", str(tmp_path / "out"), "--check"]) == 0


def test_lists_name_what_there_is(capsys):
    assert main(["datasets"]) == 0
    assert main(["models"]) == 0
    assert main(["metrics"]) == 0
    out = capsys.readouterr().out
    assert "BSD100" in out
    assert "non-commercial" in out
    assert "bicubic" in out
    assert "psnr|Y709d|crop4" in out


def test_fetching_what_is_here_verifies_it(capsys):
    assert main(["fetch", "sample"]) == 0
    assert "sample: 3 files here and verified" in capsys.readouterr().err


@pytest.fixture(scope="module")
def benchmark_run(tmp_path_factory):
    """Set5, Set14, BSD100 at x4 under every protocol, and the SRGAN authors' pictures."""
    folder = tmp_path_factory.mktemp("benchmark")
    common = ["--models", "nearest", "bicubic", "--results", str(folder), "--jobs", "2"]
    everything = ["--protocols", "matlab", "basicsr", "srgan", "srcnn", "rgb"]
    assert main(["run", "--datasets", "Set5", "Set14", "BSD100", *common, *everything]) == 0
    outputs = ["--outputs", "srgan-authors", "--protocols", "srgan"]
    assert main(["run", "--datasets", "Set5", "Set14", *common, *outputs]) == 0
    return folder


@pytest.mark.data
def test_the_papers_table_2_comes_back_to_every_printed_digit(benchmark_run, capsys):
    """20 of 20: nearest and bicubic on three sets, the authors' own pictures on two."""
    assert main(["report", str(benchmark_run), "--paper"]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 10
    assert [(row[4], row[7]) for row in rows] == [("0", "0 |")] * 10


@pytest.mark.data
@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("matlab", [28.418, 0.8101, 25.993, 0.7023, 25.957, 0.6672]),
        ("basicsr", [28.430, 0.8111, 26.091, 0.7048, 25.962, 0.6681]),
        ("srgan", [28.426, 0.8211, 25.992, 0.7486, 25.937, 0.6935]),
        ("srcnn", [28.42, 0.8104, 26.00, 0.7019]),
        ("rgb", [26.69, 0.7731, 24.46, 0.6637, 24.64, 0.6397]),
    ],
)
def test_bicubic_gives_the_known_means_under_every_protocol(benchmark_run, protocol, expected):
    """To the digits that are known: docs/protocols.md."""
    (board,) = [board for board in boards(read_scores(benchmark_run), "") if board.protocol == protocol]
    columns = [(dataset, metric) for dataset in board.datasets for metric in board.metrics]
    for (dataset, metric), value in zip(columns, expected, strict=False):
        digits = len(repr(value).partition(".")[2]) if metric == "psnr" else 4
        mean = board.cells["bicubic", dataset, metric].mean
        assert round(mean, max(digits, 2)) == pytest.approx(value, abs=1e-9), (dataset, metric)


def test_a_model_that_fails_everywhere_does_not_fill_the_screen(tmp_path, capsys, photo):
    for n in range(25):
        write_image(tmp_path / "in" / f"{n:02}.png", np.ascontiguousarray(photo[:16, :16]))
    model = "class Model:\n    scale = 4\n    def __call__(self, lr):\n        return None\n"
    (tmp_path / "none.py").write_text(f"{model}def factory(scale):\n    return Model()\n")
    arguments = ["run", "--datasets", f"mine={tmp_path / 'in'}", "--models", f"m={tmp_path}/none.py:factory"]
    assert main([*arguments, "--results", str(tmp_path / "out")]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("failed: ")]
    assert len(lines) == 21
    assert lines[-1] == f"failed: 5 more: all are in {tmp_path / 'out' / 'run.json'}"
