"""Runs published as a site, and pulled by somebody else."""

import csv
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

import bench
from bench.cli import main
from bench.page.sharing.publish import publish
from bench.page.sharing.pull import pull
from bench.store.theirs import is_theirs
from sr_models.data.errors import InputError


def half(lr):
    return (lr.repeat(4, 0).repeat(4, 1) // 2).astype("uint8")


half.version = "1"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs: ours with nearest, theirs with another model of one name and one of the same name."""
    folder = tmp_path_factory.mktemp("runs")
    bench.run(["sample"], ["nearest"], results=folder / "ours", limit=2)
    bench.run(["sample"], {"nearest": half}, results=folder / "lab", limit=2)
    return folder


@pytest.fixture(scope="module")
def site(runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    publish([runs / "ours", runs / "lab"], out)
    return out


def test_a_site_has_an_index_and_each_runs_page_tables_and_rows(site):
    listed = json.loads((site / "srmos.json").read_text())
    assert [run["name"] for run in listed["runs"]] == ["ours", "lab"]
    for name in ("ours", "lab"):
        assert (site / name / "index.html").stat().st_size > 10_000
        assert (site / name / "tables" / "matlab_x4_matlab.md").is_file()
        assert (site / name / "scores.csv").is_file()
    assert not (site / "ours" / "images").exists()


def test_command_lines_and_paths_stay_at_home(site, runs):
    text = (site / "ours" / "run.json").read_text()
    assert str(runs) not in text
    assert json.loads(text)["invocations"][0]["command"] == []


def test_pictures_go_along_when_asked(runs, tmp_path):
    assert main(["publish", str(runs / "ours"), "--out", str(tmp_path), "--pictures"]) == 0
    assert (tmp_path / "ours" / "images" / "nearest" / "sample" / "x4" / "astronaut.png").is_file()


def test_a_models_eval_results_have_a_task_a_value_and_the_signature(runs, tmp_path):
    bench.run(["sample"], ["nearest"], results=tmp_path / "whole")
    publish([tmp_path / "whole"], tmp_path / "out", hub_dataset="me/sr")
    lines = (tmp_path / "out" / "whole" / ".eval_results" / "nearest.yaml").read_text().splitlines()
    mean = bench.load(tmp_path / "whole").scores.query("metric == 'psnr'")["value"].mean()
    place = lines.index('    task_id: "sample_x4_matlab_psnr"')
    assert lines[place - 2 : place] == ["- dataset:", '    id: "me/sr"']
    assert float(lines[place + 1].removeprefix("  value: ")) == pytest.approx(mean)
    assert lines[place + 3].startswith('  notes: "LR: matlab; 3 pictures; psnr|Y601r|crop4|')


def test_a_partial_mean_is_nobodys_result(site):
    assert not (site / "ours" / ".eval_results").exists()


def _rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_pulled_rows_stand_beside_ours_with_their_keys_and_mix_with_no_mean(site, runs, tmp_path, capsys):
    bench.run(["sample"], ["nearest"], results=tmp_path, limit=2)
    before = (tmp_path / "scores.csv").read_bytes()
    assert main(["pull", str(site), "--results", str(tmp_path), "--as", "them"]) == 0
    assert (tmp_path / "scores.csv").read_bytes() == before
    assert _rows(tmp_path / "theirs" / "them-lab.csv") == _rows(runs / "lab" / "scores.csv")
    run = bench.load(tmp_path)
    (board,) = run.results.boards
    assert board.models == ("nearest", "nearest@from-them-lab", "nearest@from-them-ours")
    ours, theirs, same = (board.cell(model, "sample", "psnr").mean for model in board.models)
    assert ours == same == bench.load(runs / "ours").results.boards[0].cell("nearest", "sample", "psnr").mean
    assert theirs == bench.load(runs / "lab").results.boards[0].cell("nearest", "sample", "psnr").mean
    assert "published by others and pulled, not computed here: nearest@from-them-lab" in run.table()
    keys = {row["key"] for row in _rows(runs / "lab" / "scores.csv")}
    assert {row.key for row in run.results.scores if row.variant == "from-them-lab"} == keys


def test_a_run_never_reuses_what_was_pulled(site, tmp_path):
    bench.run(["sample"], ["bicubic"], ["psnr"], results=tmp_path, limit=1)
    pull(str(site), tmp_path)
    summary = bench.run(["sample"], ["nearest"], ["psnr"], results=tmp_path, limit=1).summary
    assert (summary.computed, summary.reused) == (1, 0)
    assert is_theirs("nearest@from-lab")
    assert is_theirs("nearest@bf16+from-lab")
    assert not is_theirs("nearest@bf16")


def test_a_second_pull_replaces_the_first(site, tmp_path):
    bench.run(["sample"], ["nearest"], ["psnr"], results=tmp_path, limit=1)
    first = pull(str(site), tmp_path)
    second = pull(str(site), tmp_path)
    assert [each.rows for each in first] == [each.rows for each in second] == [4, 4]


def test_a_site_is_pulled_over_http(site, tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        bench.run(["sample"], ["nearest"], ["psnr"], results=tmp_path, limit=1)
        found = pull(f"http://127.0.0.1:{server.server_port}/", tmp_path)
        server.shutdown()
    assert [(each.name, each.rows) for each in found] == [("ours", 4), ("lab", 4)]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_rows_that_were_changed_on_the_way_are_refused(runs, tmp_path):
    publish([runs / "lab"], tmp_path / "site")
    path = tmp_path / "site" / "lab" / "scores.csv"
    path.write_text(path.read_text().replace("nearest", "miracle"))
    with pytest.raises(InputError, match="has changed since it was published"):
        pull(str(tmp_path / "site"), tmp_path / "run")
    assert not (tmp_path / "run" / "theirs").exists()


def test_a_site_is_never_written_over_the_run_itself(tmp_path, capsys):
    folder = tmp_path / "run"
    bench.run(["sample"], ["nearest"], limit=1, results=folder)
    before = (folder / "run.json").read_bytes()
    for out in (folder, tmp_path):  # the run would be site/run
        assert main(["publish", str(folder), "--out", str(out)]) == 2
        assert "expected another folder to publish to" in capsys.readouterr().err
    assert (folder / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "holds no srmos.json"),
        ("{}", "expected the srmos.json of a `bench publish`"),
        ('{"format": 9, "srmos": "1", "runs": []}', "expected format 1, got 9"),
        (
            '{"format": 1, "srmos": "1", "runs": [{"name": "../up", "run": "", "scores_sha256": ""}]}',
            "expected a name of letters",
        ),
    ],
)
def test_what_is_no_site_is_one_sentence(tmp_path, capsys, content, why):
    if content is not None:
        (tmp_path / "srmos.json").write_text(content)
    assert main(["pull", str(tmp_path), "--results", str(tmp_path / "run")]) == 2
    assert why in capsys.readouterr().err


def test_two_runs_of_one_name_and_a_run_onto_itself_are_refused(runs, tmp_path):
    with pytest.raises(InputError, match="two runs are called 'ours'"):
        publish([runs / "ours", runs / "ours"], tmp_path)
    with pytest.raises(InputError, match="would be written over"):
        publish([runs / "ours"], runs / "ours")


def test_the_index_filters_and_sorts(site, browser):
    page = browser.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto((site / "index.html").as_uri())
    assert page.locator("#count").inner_text() == "4 of 4 means"
    page.get_by_label("run").select_option("lab")
    page.get_by_label("metric").select_option("PSNR (dB)")
    assert page.locator("#count").inner_text() == "1 of 4 means"
    assert page.locator("tbody td.number").first.get_attribute("title").startswith("psnr|")
    page.get_by_label("run").select_option("")
    page.get_by_role("button", name="mean").click()
    runs = page.locator("tbody tr td:first-child").all_inner_texts()
    page.get_by_role("button", name="mean").click()
    assert page.locator("tbody tr td:first-child").all_inner_texts() == runs[::-1] == ["ours", "lab"]
    assert problems == []
    page.close()
