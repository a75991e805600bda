import csv
import io
import math
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from scipy import stats

from bench.analysis.board import boards
from bench.analysis.paper import PUBLISHED
from bench.analysis.results import read_results
from bench.figures.means import write_means
from bench.reports.formats import FORMATS
from bench.reports.write import markdown_of, paper_markdown, stale_tables, write_report
from bench.store.header import Counts, Header, Invocation, write_header
from bench.store.rows import Score
from bench.store.table import scores_table
from sr_models.data.errors import InputError


def scores_of(model, values, metric="psnr", dataset="Set5", protocol="srgan"):
    return [
        Score(model, "", dataset, 4, "matlab", f"img_{n:03d}", protocol, metric, value, "", "0" * 12)
        for n, value in enumerate(values, 1)
    ]


TWO = [
    *scores_of("bicubic", [28.0, 29.0, 28.278]),
    *scores_of("bicubic", [0.82, 0.8222, 0.8211], "ssim"),
    *scores_of("alpha_net", [30.0, 31.0, 32.0]),
    *scores_of("alpha_net", [0.8, 0.8, 0.81], "ssim"),
    *scores_of("nearest", [27.0, 26.5, 26.0]),
    *scores_of("nearest", [0.7, 0.7, 0.7], "ssim"),
]


@pytest.fixture
def folder(tmp_path):
    table = scores_table(tmp_path)
    table.add(TWO)
    table.merge()
    invocation = Invocation(started="2026-01-01T00:00:00Z", commit="abc", scores=Counts(computed=6))
    write_header(tmp_path, Header([invocation], {}))
    return tmp_path


def board(scores):
    (only,) = boards(scores, "a run")
    return only


def test_a_mean_carries_its_t_interval_over_pictures():
    cell = board(TWO).cells["alpha_net", "Set5", "psnr"]
    low, high = stats.t.interval(0.95, 2, loc=31.0, scale=stats.sem([30.0, 31.0, 32.0]))
    assert (cell.mean, cell.n) == (31.0, 3)
    assert (cell.low, cell.high) == (pytest.approx(low), pytest.approx(high))


def test_a_protocol_nobody_knows_is_named():
    with pytest.raises(InputError, match=r"no protocol called .sragn.; did you mean srgan\?"):
        boards(scores_of("a", [1.0], protocol="sragn"), "a run")


def test_the_mean_is_of_decibels_not_of_errors():
    assert board(scores_of("a", [10.0, 50.0])).cells["a", "Set5", "psnr"].mean == 30.0


def test_infinite_values_stay_out_of_a_finite_mean_and_the_table_says_so():
    mixed = board([*scores_of("a", [30.0, math.inf, 32.0]), *scores_of("b", [1.0, 2.0, 3.0])])
    assert mixed.cells["a", "Set5", "psnr"].mean == 31.0
    assert any("1 infinite values" in note for note in mixed.notes())
    assert board(scores_of("a", [math.inf])).cell("a", "Set5", "psnr").text == "inf"


def test_one_picture_has_no_interval():
    cell = board(scores_of("a", [30.0])).cells["a", "Set5", "psnr"]
    assert (cell.low, cell.high) == (None, None)


def test_a_model_with_missing_pictures_says_so_and_is_not_ranked():
    partial = board([*scores_of("a", [30.0, 31.0]), *scores_of("b", [29.0] * 3), *scores_of("c", [28.0] * 3)])
    assert partial.cell("a", "Set5", "psnr").text == "30.50 (2 of 3)"
    assert [partial.cell(model, "Set5", "psnr").place for model in "abc"] == [0, 1, 2]


def test_equal_printed_digits_share_a_place():
    tied = board([*scores_of("a", [30.001]), *scores_of("b", [30.002]), *scores_of("c", [29.0])])
    assert [tied.cell(model, "Set5", "psnr").place for model in "abc"] == [1, 1, 2]


def test_models_come_in_the_papers_order_then_by_name():
    assert board(TWO).models == ("nearest", "bicubic", "alpha_net")


def test_markdown_marks_best_and_second(folder):
    text = markdown_of(read_results(folder))
    assert "| alpha_net | **31.00** | 0.8033 |" in text.replace("_0.8033_", "0.8033")
    assert "| bicubic | _28.43_ | **0.8211** |" in text
    assert "psnr|Y709d|crop4|u8|grey:rgb|mean-dB" in text


def test_csv_holds_unrounded_means_and_intervals(folder):
    write_report(read_results(folder))
    rows = list(csv.DictReader(io.StringIO((folder / "tables/srgan_x4_matlab.csv").read_text())))
    row = next(row for row in rows if (row["model"], row["metric"]) == ("bicubic", "psnr"))
    assert float(row["mean"]) == np.mean([28.0, 29.0, 28.278])
    assert float(row["ci_low"]) < float(row["mean"]) < float(row["ci_high"])


def test_latex_uses_booktabs_and_escapes_names(folder):
    write_report(read_results(folder))
    text = (folder / "tables/srgan_x4_matlab.tex").read_text()
    assert r"alpha\_net & \textbf{31.00} & \underline{0.8033}" in text
    assert text.count(r"\toprule") == text.count(r"\midrule") == text.count(r"\bottomrule") == 1
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.count("&") for line in body if "multicolumn" not in line} == {2}


def test_html_is_one_page_with_intervals_on_hover(folder):
    write_report(read_results(folder))
    text = (folder / "tables/srgan_x4_matlab.html").read_text()
    assert "<strong>31.00</strong>" in text
    assert 'title="95 % CI over 3 pictures: 28.52 to 33.48"' in text
    assert "http" not in text


def test_names_cannot_break_out_of_html():
    text = FORMATS["html"].render(board(scores_of("<script>", [1.0, 2.0])))
    assert "<script>" not in text


def test_tables_that_match_the_scores_are_not_stale(folder):
    assert len(stale_tables(read_results(folder))) == len(FORMATS.names()) + 1  # and the one beside the paper
    write_report(read_results(folder))
    assert stale_tables(read_results(folder)) == []


def test_an_edited_table_is_stale(folder):
    write_report(read_results(folder))
    path = folder / "tables/srgan_x4_matlab.md"
    path.write_text(path.read_text().replace("31.00", "33.00"))
    assert stale_tables(read_results(folder)) == [path]


def test_new_scores_make_tables_stale(folder):
    write_report(read_results(folder))
    table = scores_table(folder)
    table.add(scores_of("zeta", [31.5]))
    table.merge()
    assert folder / "tables/srgan_x4_matlab.md" in stale_tables(read_results(folder))


def test_the_paper_stands_beside_ours_with_the_difference(folder):
    text = paper_markdown(read_results(folder))
    assert "| Set5 | bicubic | 28.43 | 28.43 | 0 | 0.8211 | 0.8211 | 0 |" in text
    assert "| Set5 | nearest | 26.50 | 26.26 | +0.24 | 0.7000 | 0.7552 | -0.0552 |" in text
    assert "alpha_net" not in text


def test_without_the_papers_protocol_there_is_nothing_to_set_beside(tmp_path):
    table = scores_table(tmp_path)
    table.add(scores_of("bicubic", [28.0], protocol="matlab"))
    table.merge()
    with pytest.raises(InputError, match="under the protocol srgan"):
        paper_markdown(read_results(tmp_path))


def test_published_numbers_are_those_of_the_paper():
    assert len(PUBLISHED) == 8 * 3 + 3 * 2
    assert PUBLISHED["srresnet-mse", "BSD100"].psnr == 27.58
    assert PUBLISHED["srgan-vgg54", "Set14"].mos == 3.72
    assert PUBLISHED["selfexsr", "Set5"].ssim == 0.872


@pytest.mark.parametrize("folder_", ["nowhere", "."])
def test_a_folder_without_scores_is_named(tmp_path, folder_):
    with pytest.raises(InputError, match=r"is not a folder|holds no scores"):
        read_results(tmp_path / folder_)


def test_plots_show_every_picture_as_a_point(tmp_path):
    files = write_means(boards(TWO), tmp_path)
    assert [path.name for path in files] == ["srgan_x4_matlab_Set5.png", "srgan_x4_matlab_Set5.svg"]
    svg = Path(files[1]).read_text()
    points = re.findall(r'<g id="PathCollection_\d+">(.*?)</g>\s*</g>', svg, re.DOTALL)
    assert [group.count("<use") for group in points] == [3] * 6


def test_more_than_three_metrics_go_below_one_another(tmp_path):
    scores = [
        score
        for metric in ("psnr", "ssim", "gmsd", "tv", "vif")
        for score in scores_of("a", [1.0], metric=metric)
    ]
    (png, _) = write_means(boards(scores), tmp_path)
    with PillowImage.open(png) as picture:
        width, height = picture.size
    assert width == int(160 * (3 * 4.2 + 1.2))
    assert height > 160 * 2 * (0.6 + 0.34)
