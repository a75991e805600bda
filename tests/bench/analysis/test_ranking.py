"""Mean ranks over metrics, and many checkpoints by one pattern."""

import pytest

import bench
from bench.analysis.board import boards
from bench.analysis.ranking import ranking
from bench.cli import main
from bench.reports.ranking_table import ranking_markdown
from bench.running.entrants import model_entrants
from bench.store.rows import Score
from sr_models.data.errors import InputError


def board_of(values):
    """One board from (model, metric) -> value, on two equal pictures."""
    rows = [
        Score(model, "", "Set5", 4, "matlab", image, "rgb", metric, value, f"{metric}|s", "0" * 12)
        for (model, metric), value in values.items()
        for image in ("p1", "p2")
    ]
    (board,) = boards(rows)
    return board


@pytest.fixture
def board():
    return board_of(
        {
            ("a", "psnr"): 30, ("b", "psnr"): 29, ("c", "psnr"): 28,
            ("a", "ssim"): 0.9, ("b", "ssim"): 0.8, ("c", "ssim"): 0.8,
            ("a", "lpips"): 0.4, ("b", "lpips"): 0.2, ("c", "lpips"): 0.1,
        }
    )  # fmt: skip


def test_mean_ranks_count_lower_as_better_where_it_is_and_share_ties(board):
    found = {each.model: each.mean_rank for each in ranking(board).standings}
    assert found == pytest.approx({"a": (1 + 1 + 3) / 3, "b": (2 + 2.5 + 2) / 3, "c": (3 + 2.5 + 1) / 3})
    assert next(iter(found)) == "a"


def test_where_metrics_disagree_is_said_with_both_winners(board):
    found = ranking(board).disagreements
    assert [(each.metrics, each.best) for each in found] == [
        (("psnr", "lpips"), ("a", "c")), (("ssim", "lpips"), ("a", "c")),
    ]  # fmt: skip
    assert found[0].tau == pytest.approx(-1)
    assert "Set5: PSNR (dB) prefers a, LPIPS c (Kendall's tau of the two orders -1.00)" in ranking_markdown(
        board
    )


def test_a_model_without_every_mean_is_named_and_not_ranked():
    found = ranking(
        board_of({(m, k): v for m, v in (("a", 1), ("b", 2)) for k in ("psnr", "ssim")} | {("c", "psnr"): 9})
    )
    assert [each.model for each in found.standings] == ["b", "a"]
    assert found.left_out == ("c",)


def test_one_model_or_one_column_is_no_ranking():
    assert ranking(board_of({("a", "psnr"): 1, ("a", "ssim"): 1})) is None
    assert ranking_markdown(board_of({("a", "psnr"): 1, ("b", "psnr"): 2})) == ""


@pytest.fixture
def checkpoints(tmp_path):
    from sr_models.shipped import weights_path

    source = weights_path("espcn")
    for name in ("step_1000", "step_2000"):
        (tmp_path / f"{name}.safetensors").write_bytes(source.read_bytes())
    return tmp_path


def test_a_pattern_is_many_models_named_by_their_stems(checkpoints, tmp_path, capsys):
    pattern = str(checkpoints / "*.safetensors")
    command = ["run", "--models", pattern, "bicubic", "--limit", "1", "--results", str(tmp_path / "run")]
    assert main(command) == 0
    assert main(["report", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert "### Ranks: matlab, x4, LR matlab" in out
    assert "| step_1000 | 1.50 | 1.5 | 1.5 |" in out
    ranks = bench.load(tmp_path / "run").ranking().set_index("model")["mean_rank"]
    assert ranks["bicubic"] == 3


def test_a_shells_expansion_means_the_same(checkpoints):
    files = [str(checkpoints / f"step_{n}000.safetensors") for n in (1, 2)]
    assert [each.name for each in model_entrants(files, 4)] == ["step_1000", "step_2000"]


def test_a_pattern_without_files_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="matches no file"):
        model_entrants([str(tmp_path / "*.safetensors")], 4)
