"""`sr-models`: each command on the real thing, small; each mistake one line and exit code 2."""

import pytest

from sr_models.cli import main


@pytest.fixture
def trained(pictures, tmp_path, capsys):
    """A pack and two steps of ESPCN, all by command."""
    pack, run = str(tmp_path / "t.pack"), str(tmp_path / "run")
    assert main(["pack", str(pictures), "--out", pack, "--min-side", "32", "--unchecked"]) == 0
    common = ["--data", pack, "--out", run, "--crop", "32", "--batch", "2", "--device", "cpu"]
    assert main(["train", "espcn", *common, "--steps", "2", "--validate-every", "2"]) == 0
    return tmp_path, common, capsys.readouterr()


def test_pack_and_train_say_what_came_of_them(trained):
    folder, _, said = trained
    assert "t.pack: 8 pictures (1 held out), 0 megapixels, checked against nothing, digest " in said.out
    assert said.out.endswith(f"{folder}/run/best.safetensors\n")


def test_training_goes_on_where_it_stopped(trained, capsys):
    folder, common, _ = trained
    assert main(["train", "espcn", *common, "--steps", "4", "--resume"]) == 0
    main(["info", str(folder / "run" / "last.safetensors")])
    assert "4 steps of 2 crops of 32 px" in capsys.readouterr().out


def test_a_drcn_of_few_recursions_starts_one_of_more(trained, capsys):
    folder, common, _ = trained
    few, more = (["train", "drcn-lite", *common, "--out", str(folder / n), "--recursions", n] for n in "23")
    assert main([*few, "--steps", "1"]) == 0
    assert main([*more, "--steps", "1", "--start", str(folder / "2" / "best.safetensors")]) == 0
    main(["info", str(folder / "3" / "best.safetensors")])
    assert "recursions 3" in capsys.readouterr().out


def test_info_prints_the_card(trained, capsys):
    folder, _, _ = trained
    assert main(["info", str(folder / "run" / "best.safetensors")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("# espcn\n")
    assert "| parameters | 24,752 |" in said
    assert "| checked against | none |" in said


def test_export_writes_an_onnx_file(trained, capsys):
    folder, _, _ = trained
    weights, out = folder / "run" / "best.safetensors", folder / "espcn.onnx"
    assert main(["export", str(weights), "--out", str(out)]) == 0
    assert out.stat().st_size > 90_000
    assert "agrees with torch within" in capsys.readouterr().out


def test_list_names_every_model(capsys):
    assert main(["list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert {"nearest", "bicubic"} <= set(names)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "espn", "--data", "x", "--out", "y"], "no recipe called 'espn'; did you mean espcn?"),
        (["train", "espcn", "--data", "none.pack", "--out", "y"], "none.pack: no such file; make it with"),
        (
            ["train", "espcn", "--data", "x", "--out", "y", "--batch", "-1"],
            "--batch: expected a positive number",
        ),
        (
            ["train", "espcn", "--data", "x", "--out", "y", "--lr", "nan"],
            "--lr: expected a positive number, got nan",
        ),
        (
            ["train", "espcn", "--data", "x", "--out", "y", "--log-every", "0"],
            "--log-every: expected a positive",
        ),
        (
            ["train", "espcn", "--data", "x", "--out", "y", "--feature-scale", "0"],
            "--feature-scale: expected a",
        ),
        (
            ["train", "espcn", "--data", "x", "--out", "y", "--seed", "-1"],
            "--seed: expected 0 or more, got -1",
        ),
        (
            ["study", "depth", "--data", "x", "--out", "y", "--steps", "0"],
            "--steps: expected a positive number",
        ),
        (
            ["train", "espcn", "--data", "x", "--out", "y", "--recursions", "4"],
            "--recursions is for drcn and drcn-lite, not for espcn",
        ),
        (["pack", "none", "--out", "t.pack", "--unchecked"], "none: no such folder"),
        (["info", "srresnet-mze"], "no shipped weights called 'srresnet-mze'; did you mean srresnet-mse?"),
        (["info", "none.safetensors"], "none.safetensors: no such file"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_two(arguments, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_studies_draw_their_figures(trained, capsys):
    folder, common, _ = trained
    study = ["--data", common[1], "--device", "cpu", "--width", "4", "--steps", "2"]
    assert main(["study", "depth", *study, "--out", str(folder / "depth"), "--blocks", "1"]) == 0
    assert len((folder / "depth" / "depth.csv").read_text().splitlines()) == 3
    assert (folder / "depth" / "depth.png").stat().st_size > 10_000
    assert main(["study", "evolution", *study, "--out", str(folder / "evolution"), "--moments", "2"]) == 0
    assert (folder / "evolution" / "evolution.png").stat().st_size > 10_000


def test_a_place_that_cannot_be_written_is_one_line(pictures, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["pack", str(pictures), "--out", str(tmp_path / "file" / "t.pack"), "--unchecked"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("sr-models pack: ")
    assert "Traceback" not in "".join(said)
