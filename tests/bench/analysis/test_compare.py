import csv
import io
import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_scores import made_metric, run_of, scores_of
from scipy import stats
from statsmodels.stats.multitest import multipletests

from bench.analysis import paired
from bench.analysis.board import boards
from bench.analysis.compare import Question, compare, missing
from bench.analysis.paired import (
    bootstrap_intervals,
    differences,
    holm,
    sign_test,
    signed_rank_test,
    smallest_p,
)
from bench.analysis.results import read_results
from bench.cli import main
from bench.reports.comparison_tables import latex, markdown, write_comparisons
from bench.reports.write import stale_tables, write_report
from sr_models.data.errors import InputError, UnknownNameError


def one(folder, **asked):
    (found,) = compare(read_results(folder), Question(**asked))
    return found


# The tests themselves


@pytest.mark.parametrize("n", [1, 2, 5, 14, 50, 100])
@pytest.mark.parametrize("seed", [0, 1])
def test_without_ties_the_signed_rank_p_is_scipys_exact_one(n, seed):
    values = np.random.default_rng(seed).normal(0.2, 1, n)
    expected = stats.wilcoxon(values, method="exact").pvalue
    assert signed_rank_test(values) == pytest.approx(expected, rel=1e-10)


def enumerated(values):
    """Every sign pattern of the nonzero values, equally likely: the definition."""
    left = [value for value in values if value]
    ranks = stats.rankdata(np.abs(left))
    observed = ranks[np.array(left) > 0].sum()
    sums = np.array([np.dot(ranks, signs) for signs in itertools.product((0, 1), repeat=len(left))])
    return min(1.0, 2 * min((sums >= observed).mean(), (sums <= observed).mean()))


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=10))
def test_with_ties_and_zeros_the_signed_rank_p_is_the_enumeration(values):
    assert signed_rank_test(np.array(values, float)) == pytest.approx(enumerated(values), rel=1e-12)


def test_the_signed_rank_p_of_many_pictures_meets_the_normal_approximation_at_its_edge(monkeypatch):
    values = np.random.default_rng(0).normal(0.05, 1, 1000)
    exact = signed_rank_test(values)
    monkeypatch.setattr(paired, "EXACT_UP_TO", 999)
    assert signed_rank_test(values) == pytest.approx(exact, rel=5e-3)
    approximate = stats.wilcoxon(values, method="asymptotic", correction=False).pvalue
    assert signed_rank_test(values) == pytest.approx(approximate, rel=1e-9)


@pytest.mark.parametrize("values", [[0.0, 0.0], []])
def test_nothing_but_ties_is_no_evidence(values):
    assert signed_rank_test(np.array(values)) == sign_test(np.array(values)) == 1.0


def test_an_infinite_difference_has_the_largest_rank():
    finite = np.array([1.0, -2.0, 3.0, 4.0])
    assert signed_rank_test(np.append(finite, np.inf)) == signed_rank_test(np.append(finite, 5.0))
    assert signed_rank_test(np.append(finite, -np.inf)) == signed_rank_test(np.append(finite, -5.0))


def test_the_sign_test_is_the_binomial_tail():
    values = np.array([1.0] * 9 + [-1.0] + [0.0] * 4)
    assert sign_test(values) == pytest.approx(2 * (1 + 10) / 2**10)


def test_five_pictures_cannot_give_a_smaller_p_than_a_sixteenth():
    every = [np.array(signs) * [1.0, 2, 3, 4, 5] for signs in itertools.product((-1, 1), repeat=5)]
    assert min(map(signed_rank_test, every)) == min(map(sign_test, every)) == smallest_p(5) == 0.0625


@pytest.mark.parametrize("n", [1, 2, 10, 66])
def test_holm_is_statsmodels_holm(n):
    p = np.random.default_rng(n).uniform(0, 1, n).round(2) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-15)


def test_equal_differences_tie_although_floats_differ():
    a, b = np.array([28.1, 29.1, 5.0]), np.array([28.0, 29.0, 5.1])
    assert len(set(np.abs(a - b))) > 1
    assert len(set(np.abs(differences(a, b)))) == 1


def test_two_identical_pictures_tie_and_one_wins_without_bound():
    inf = math.inf
    assert differences(np.array([inf, inf, 30.0]), np.array([inf, 30.0, inf])).tolist() == [0.0, inf, -inf]


# The interval


@pytest.mark.parametrize("n", [5, 14, 100])
def test_the_interval_is_that_of_scipys_draws_of_students_t(n):
    values = np.random.default_rng(n).gamma(2, 1, n)

    def students_t(x, axis):
        error = x.std(axis=axis, ddof=1) / math.sqrt(n)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (x.mean(axis=axis) - values.mean()) / error

    with np.errstate(invalid="ignore"):
        drawn = stats.bootstrap(
            (values,), students_t, n_resamples=4000, rng=np.random.default_rng(7), method="percentile"
        )
    low, high = np.quantile(drawn.bootstrap_distribution, [0.025, 0.975])
    error = values.std(ddof=1) / math.sqrt(n)
    (found,) = bootstrap_intervals([values], seed=7, draws=4000)
    assert found == pytest.approx((values.mean() - high * error, values.mean() - low * error), rel=1e-9)


def test_for_many_normal_values_the_interval_is_students():
    values = np.random.default_rng(3).normal(1, 2, 2000)
    (found,) = bootstrap_intervals([values], draws=20_000)
    expected = stats.t.interval(0.95, 1999, values.mean(), stats.sem(values))
    assert np.ptp(found) == pytest.approx(np.ptp(expected), rel=0.02)
    assert found == pytest.approx(expected, abs=0.02 * np.ptp(expected))


def test_the_interval_covers_the_mean_as_often_as_it_says():
    """2000 samples of 14: within 3 standard errors of 95 %."""
    samples = np.random.default_rng(0).normal(0.5, 1, (2000, 14))
    covered = np.mean([low <= 0.5 <= high for low, high in bootstrap_intervals(list(samples), draws=2000)])
    assert covered == pytest.approx(0.95, abs=0.015)


def test_the_same_seed_gives_the_same_interval_whatever_else_is_asked():
    values = np.random.default_rng(1).normal(size=(3, 9))
    together = bootstrap_intervals(list(values), seed=4, draws=500)
    assert together[1] == pytest.approx(bootstrap_intervals([values[1]], seed=4, draws=500)[0], rel=1e-12)
    assert together[1] != bootstrap_intervals([values[1]], seed=5, draws=500)[0]


def test_the_interval_moves_and_scales_with_the_values():
    values = np.random.default_rng(2).normal(size=20)
    ((low, high), (moved_low, moved_high)) = bootstrap_intervals([values, 3 * values + 10])
    assert (moved_low, moved_high) == pytest.approx((3 * low + 10, 3 * high + 10))


def test_draws_made_in_blocks_are_the_same_size_and_agree(monkeypatch):
    values = np.random.default_rng(0).normal(size=50)
    (whole,) = bootstrap_intervals([values])
    monkeypatch.setattr(paired, "_RESAMPLED_AT_ONCE", 50 * 37)
    (blocks,) = bootstrap_intervals([values])
    assert blocks == pytest.approx(whole, abs=0.05 * np.ptp(whole))


def test_too_few_pictures_have_no_interval_and_equal_ones_have_a_point():
    found = bootstrap_intervals([np.array([1.0]), np.array([1.0, 2.0, 4.0]), np.full(6, 0.3), np.zeros(0)])
    assert found == [None, None, (pytest.approx(0.3),) * 2, None]


# Comparisons of a run


RISING = [30.0 + n for n in range(14)]
BETTER = [value + 0.1 * n + 0.1 for n, value in enumerate(RISING)]


def test_a_comparison_counts_wins_and_names_the_pictures_that_differ_most(tmp_path):
    found = one(run_of(tmp_path, [*scores_of("a", BETTER), *scores_of("b", RISING)]), a=("a",), b=("b",))
    assert (found.wins, found.ties, found.losses, found.n) == (14, 0, 0, 14)
    assert found.difference == pytest.approx(0.75)
    assert found.p_wilcoxon == found.p_sign == found.p_holm == 2.0**-13
    assert found.verdict == "yes"
    assert [picture.name for picture in found.pictures[:3]] == ["zebra", "ppt3", "pepper"]
    assert found.pictures[0].difference == pytest.approx(1.4)


def test_lower_is_better_turns_wins_around_but_not_the_difference(tmp_path, distance_metric):
    folder = run_of(
        tmp_path,
        [*scores_of("a", [0.1, 0.2, 0.3, 0.4], distance_metric), *scores_of("b", [0.2] * 4, distance_metric)],
    )
    found = one(folder)
    assert (found.a, found.b) == ("b", "a")
    assert (found.wins, found.ties, found.losses) == (2, 1, 1)
    assert found.difference == pytest.approx(-0.05)
    assert "made_distance: lower is better" in markdown([found], 0)


@pytest.fixture
def distance_metric():
    with made_metric("made_distance") as name:
        yield name


def test_where_a_value_is_ideal_the_closer_one_wins(tmp_path):
    """gradient_energy: 1 is the original's, less is blurred, more is noise."""
    near, far = [0.9, 1.05, 1.1, 0.8], [0.7, 1.2, 1.1, 1.1]
    scores = [*scores_of("a", near, "gradient_energy"), *scores_of("b", far, "gradient_energy")]
    found = one(run_of(tmp_path, scores), a=("a",))
    assert (found.wins, found.ties, found.losses) == (2, 1, 1)
    assert found.difference == pytest.approx(np.mean(near) - np.mean(far))
    assert found.p_wilcoxon == enumerated([0.2, 0.15, 0, -0.1])
    assert "gradient_energy: closer to 1 is better" in markdown([found], 0)


def test_pictures_that_one_model_lacks_are_left_out_and_named(tmp_path):
    partial = [None, *BETTER[1:13], None]
    found = one(run_of(tmp_path, [*scores_of("a", partial), *scores_of("b", RISING)]), a=("a",))
    assert found.n == 12
    assert (found.only_a, found.only_b) == ((), ("baboon", "zebra"))
    assert "2 left out, b has them, a not (baboon, zebra)" in markdown([found], 0)


def test_infinite_values_count_in_the_tests_but_not_in_the_mean(tmp_path):
    found = one(
        run_of(tmp_path, [*scores_of("a", [math.inf] * 2 + [31] * 6), *scores_of("b", [30.0] * 8)]), a=("a",)
    )
    assert (found.difference, found.n_infinite, found.wins) == (1.0, 2, 8)
    assert found.p_wilcoxon == smallest_p(8)
    assert "2 infinite differences" in markdown([found], 0)
    assert found.pictures[0].difference == math.inf


def test_two_models_that_are_infinite_on_the_same_picture_tie_there(tmp_path):
    found = one(
        run_of(tmp_path, [*scores_of("a", [math.inf, 31]), *scores_of("b", [math.inf, 30])]), a=("a",)
    )
    assert (found.wins, found.ties, found.losses) == (1, 1, 0)


def test_all_pairs_are_compared_and_corrected_within_a_column(tmp_path):
    models = {"nearest": 0.0, "bicubic": 1.0, "zeta": 2.0}
    folder = run_of(
        tmp_path,
        [
            score
            for dataset in ("Set5", "Set14")
            for name, gain in models.items()
            for score in scores_of(name, [gain + n * (1 + gain) for n in range(6)], dataset=dataset)
        ],
    )
    found = compare(read_results(folder), Question())
    assert [(c.column.dataset, c.a, c.b) for c in found] == [
        (dataset, *pair)
        for dataset in ("Set5", "Set14")
        for pair in (("bicubic", "nearest"), ("zeta", "nearest"), ("zeta", "bicubic"))
    ]
    assert {(c.family, c.p_wilcoxon, c.p_holm) for c in found} == {(3, 2.0**-5, 3 * 2.0**-5)}


def test_one_side_alone_is_compared_with_all_others(tmp_path):
    folder = run_of(tmp_path, [score for name in "abc" for score in scores_of(name, RISING)])
    assert [(c.a, c.b) for c in compare(read_results(folder), Question(b=("b",)))] == [("a", "b"), ("c", "b")]
    assert [(c.a, c.b) for c in compare(read_results(folder), Question(a=("a", "b"), b=("a", "b")))] == [
        ("a", "b")
    ]


def test_set5s_limit_is_stated_not_hidden(tmp_path):
    five = [*scores_of("a", [40.0] * 5, dataset="Set5"), *scores_of("b", [20.0] * 5, dataset="Set5")]
    found = one(run_of(tmp_path, five), a=("a",))
    assert found.verdict == "cannot"
    assert "Set5: with n = 5 no p can go below 0.0625: it cannot be significant at .05" in markdown(
        [found], 0
    )


def test_holm_can_put_significance_out_of_reach_and_that_is_said(tmp_path):
    folder = run_of(tmp_path, [score for k in range(5) for score in scores_of(f"m{k}", np.arange(8) * k)])
    found = compare(read_results(folder), Question())
    assert {c.verdict for c in found} == {"cannot"}
    assert "with n = 8 no p can go below 0.0078, after Holm over 10 pairs below 0.0781" in markdown(found, 0)


def test_files_hold_every_number(tmp_path):
    found = compare(
        read_results(run_of(tmp_path, [*scores_of("a_x", BETTER), *scores_of("b", RISING)])),
        Question(a=("a_x",)),
    )
    files = write_comparisons(found, tmp_path / "compare", "a_vs_b", 0)
    assert [path.name for path in files] == ["a_vs_b.md", "a_vs_b.tex", "a_vs_b.csv", "a_vs_b_pictures.csv"]
    (row,) = csv.DictReader(io.StringIO(files[2].read_text()))
    assert (float(row["p_wilcoxon"]), row["differs"], row["pairs"]) == (2.0**-13, "yes", "1")
    assert float(row["ci_low"]) < float(row["difference"]) < float(row["ci_high"])
    pictures = list(csv.DictReader(io.StringIO(files[3].read_text())))
    assert len(pictures) == 14
    assert (pictures[0]["name"], float(pictures[0]["value_a"])) == ("zebra", BETTER[13])
    assert r"a\_x $-$ b & 14 & +0.750" in latex(found, 0)


def test_latex_prints_minus_signs_where_numbers_are_negative(tmp_path):
    run_of(tmp_path, [*scores_of("a-net", RISING), *scores_of("b", BETTER)])
    text = latex(compare(read_results(tmp_path), Question(a=("a-net",))), 0)
    assert r"& a-net $-$ b & 14 & $-$0.750 & [$-$" in text


def test_a_model_without_scores_somewhere_is_named(tmp_path):
    scores = [*scores_of("a", RISING), *scores_of("b", BETTER), *scores_of("b", BETTER, dataset="Set5")]
    assert missing(read_results(run_of(tmp_path, scores)), Question(a=("a",), b=("b",))) == [
        "a has no psnr on Set5 under matlab"
    ]


def test_models_without_a_common_picture_cannot_be_compared(tmp_path):
    run_of(tmp_path, [*scores_of("a", [1.0, None]), *scores_of("b", [None, 1.0])])
    with pytest.raises(InputError, match="no picture in common"):
        compare(read_results(tmp_path), Question())
    with pytest.raises(InputError, match="two different models"):
        compare(read_results(tmp_path), Question(a=("a",), b=("a",)))
    with pytest.raises(InputError, match="seed: expected a whole number from 0, got -1"):
        compare(read_results(tmp_path), Question(seed=-1))


@pytest.mark.parametrize(
    ("unknown", "complaint"),
    [
        ({"metric": "psmr"}, "metrics that are not installed here: psmr"),
        ({"protocol": "sragn"}, "no protocol called 'sragn'; did you mean srgan"),
    ],
)
def test_a_column_that_nobody_here_can_read_is_named(tmp_path, unknown, complaint):
    run_of(tmp_path, [*scores_of("a", [1.0], **unknown), *scores_of("b", [1.0], **unknown)])
    with pytest.raises(InputError, match=complaint):
        compare(read_results(tmp_path), Question())


def test_a_column_of_one_letter_has_a_rule_that_markdown_takes(tmp_path):
    run_of(tmp_path, [*scores_of("a", [1.0, 2.0]), *scores_of("b", [1.0, 3.0])])
    rule = markdown(compare(read_results(tmp_path), Question()), seed=0).splitlines()[3]
    assert all(re.fullmatch(r" -+:? ", cell) for cell in rule.strip("|").split("|")), rule


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"a": ("espn",)}, "no model in this run called 'espn'; did you mean espcn"),
        ({"datasets": ("Set55",)}, "no dataset in this run called 'Set55'; did you mean Set5?"),
        ({"metrics": ("psmr",)}, "no metric in this run called 'psmr'; did you mean psnr?"),
        ({"protocols": ("matlap",)}, "no protocol called 'matlap'; did you mean matlab?"),
        ({"protocols": ("srgan",)}, "no protocol in this run called 'srgan'"),
    ],
)
def test_a_misspelt_name_says_what_is_near(tmp_path, asked, complaint):
    run_of(
        tmp_path, [*scores_of("espcn", [1.0], dataset="Set5"), *scores_of("bicubic", [1.0], dataset="Set5")]
    )
    with pytest.raises(UnknownNameError, match=complaint.replace("?", r"\?")):
        compare(read_results(tmp_path), Question(**asked))


def test_the_command_prints_the_table_and_writes_the_files(tmp_path, capsys):
    scores = [
        score
        for protocol in ("matlab", "rgb")
        for model, values in (("bicubic", RISING), ("espcn", BETTER))
        for score in scores_of(model, values, protocol=protocol)
    ]
    run_of(tmp_path, scores)
    assert main(["compare", str(tmp_path), "--a", "espcn", "--b", "bicubic"]) == 0
    out, err = capsys.readouterr()
    assert "| Set14 | PSNR (dB) | espcn − bicubic | 14 |     +0.750 |" in out
    assert "rgb" not in out
    assert "1 more under other protocols: in the files, or name --protocols" in err
    assert (tmp_path / "compare/espcn_vs_bicubic.tex").is_file()
    assert main(["compare", str(tmp_path), "--a", "espn"]) == 2
    assert capsys.readouterr().err.startswith("bench compare: no model in this run called 'espn'")


# Marks in the tables of a report


def board_of(scores):
    (board,) = boards(scores, "a run")
    return board


def test_a_value_that_differs_from_the_best_carries_a_mark():
    close = [value - 0.01 * (-1) ** n for n, value in enumerate(BETTER)]
    board = board_of([*scores_of("a", BETTER), *scores_of("b", RISING), *scores_of("c", close)])
    assert [board.cell(model, "Set14", "psnr").mark for model in "abc"] == ["", "†", ""]
    assert board.cell("b", "Set14", "psnr").p_from_best == pytest.approx(3 * 2.0**-13)
    assert any(note.startswith("†: differs from the best") and "Set14 3" in note for note in board.notes())


def test_what_prints_as_the_best_is_never_marked():
    board = board_of([*scores_of("a", RISING), *scores_of("b", [value - 0.001 for value in RISING])])
    assert board.cell("b", "Set14", "psnr").p_from_best < 0.05
    assert [board.cell(model, "Set14", "psnr").place for model in "ab"] == [1, 1]
    assert board.cell("b", "Set14", "psnr").mark == ""


def test_a_small_set_has_no_marks_and_the_table_says_why():
    board = board_of(
        [*scores_of("a", [40.0] * 5, dataset="Set5"), *scores_of("b", [1.0] * 5, dataset="Set5")]
    )
    assert board.cell("b", "Set5", "psnr").mark == ""
    assert board.notes()[-1] == (
        "no † is possible on Set5: 5 pictures give no p below 0.0625, corrected for 1 pair none below 0.0625"
    )


def test_an_incomplete_model_is_neither_best_nor_marked():
    board = board_of([*scores_of("a", [99.0]), *scores_of("b", BETTER), *scores_of("c", RISING)])
    assert {model for (model, *_), cell in board.cells.items() if cell.p_from_best is not None} == {"c"}


def test_every_table_format_shows_the_mark_and_none_goes_stale(tmp_path):
    run_of(tmp_path, [*scores_of("a", BETTER), *scores_of("b", RISING)])
    write_report(read_results(tmp_path))
    assert stale_tables(read_results(tmp_path)) == []
    tables = {path.suffix: path.read_text() for path in (tmp_path / "tables").iterdir()}
    assert "| b | _36.50_† |" in tables[".md"]
    assert r"b & \underline{36.50}\rlap{$^\dagger$} \\" in tables[".tex"]
    assert "<u>36.50</u><sup>†</sup></td>" in tables[".html"]
    rows = {row["model"]: row for row in csv.DictReader(io.StringIO(tables[".csv"]))}
    assert (rows["a"]["p_from_best"], float(rows["b"]["p_from_best"])) == ("", 2.0**-13)
