import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_scores import made_metric, run_of, scores_of
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy import stats

from bench.analysis.board import boards
from bench.analysis.columns import columns
from bench.analysis.compare import compare_columns
from bench.analysis.results import read_results
from bench.figures.correlation import _alike_together, agreement, correlations
from bench.figures.cost import costs
from bench.figures.differences import picture_differences
from bench.figures.labels import extent_of, label_points
from bench.figures.means import _figure as means_figure
from bench.figures.pareto import draw_front, pareto_front
from bench.figures.plane import axes_of, plane
from bench.figures.write import write_figures
from bench.palette import colour_of
from bench.reports.write import write_report
from bench.store.rows import Profile
from bench.store.table import profiles_table

POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)
DIRECTIONS = st.tuples(st.booleans(), st.booleans())


def beats(one, other, higher):
    turned = [(a, b) if up else (b, a) for a, b, up in zip(one, other, higher, strict=True)]
    return all(a >= b for a, b in turned) and any(a > b for a, b in turned)


@given(POINTS, DIRECTIONS)
def test_the_front_is_every_point_that_no_point_beats(points, higher):
    expected = {i for i, p in enumerate(points) if not any(beats(other, p, higher) for other in points)}
    found = pareto_front(points, higher)
    assert set(found) == expected
    assert [points[i] for i in found] == sorted(points[i] for i in found)


@settings(max_examples=25)  # each draws a figure
@given(POINTS, DIRECTIONS)
def test_the_shaded_region_is_what_the_front_beats(points, higher):
    axes = Figure().subplots()
    axes.set(xlim=(-1, 6), ylim=(6, -1))
    draw_front(axes, points, higher)
    (region,) = axes.patches
    shaded = region.get_path()
    nudge = np.where(higher, -1e-3, 1e-3)
    for probe in np.random.default_rng(0).uniform(-0.9, 5.9, (40, 2)):
        beaten = any(beats(p, probe, higher) for p in points)
        assert shaded.contains_point(probe) == beaten, probe
    assert all(shaded.contains_point(np.array(p) + nudge) for p in points)


def made_board(metric):
    levels = {
        "bicubic": (28.0, 0.4),
        "espcn": (29.0, 0.3),
        "srgan-vgg54": (27.5, 0.1),
        "nearest": (26.0, 0.5),
    }
    scores = [
        score
        for model, (psnr, distance) in levels.items()
        for score in (
            *scores_of(model, [psnr, psnr + 1]),
            *scores_of(model, [distance, distance + 0.1], metric),
        )
    ]
    scores += [*scores_of("srcnn", [40.0]), *scores_of("srcnn", [0.0], metric)]  # one picture of two
    (board,) = boards(scores, "")
    return board


def test_the_plane_shows_the_means_of_complete_models_in_their_colours():
    with made_metric("made_distance") as metric:
        plot = plane(made_board(metric), "Set14", "psnr", metric)
    axes = plot.figure.axes[0]
    shown = {to_hex(c): tuple(p) for c, p in zip(axes.collections[0].get_facecolor(),
                                                axes.collections[0].get_offsets(), strict=True)}  # fmt: skip
    assert shown[colour_of("espcn")] == pytest.approx((29.5, 0.35))
    assert len(shown) == 4
    assert axes.get_ylabel() == "MADE-DISTANCE, lower is better"
    assert {text.get_text() for text in axes.texts} == {"nearest", "bicubic", "espcn", "srgan-vgg54"}
    assert plot.name == "plane_matlab_x4_matlab_Set14"


@pytest.mark.parametrize("step", [1.0, 1e-3, 1e-6])
def test_the_axes_of_the_plane_are_named_on_the_sheet_however_long_their_numbers(step):
    with made_metric("made_distance") as metric:
        scores = [
            score
            for place, model in enumerate(("bicubic", "espcn", "nearest"))
            for score in (*scores_of(model, [28.0 + place]), *scores_of(model, [1 + step * place], metric))
        ]
        (board,) = boards(scores, "")
        figure = plane(board, "Set14", "psnr", metric).figure
    FigureCanvasAgg(figure).draw()
    label = figure.axes[0].yaxis.label.get_window_extent()
    assert label.x0 >= 0
    assert not any(
        label.overlaps(tick.get_window_extent())
        for tick in figure.axes[0].get_yticklabels()
        if tick.get_text()
    )


def test_means_are_marks_with_the_tables_interval_and_not_bars_from_somewhere():
    (board,) = boards([*scores_of("espcn", [30.0, 33.0, 31.0]), *scores_of("bicubic", [29.0])])
    (axes,) = means_figure(board, "Set14").axes
    cell = board.cell("espcn", "Set14", "psnr")
    assert not axes.patches
    spans = {tuple(line.get_xdata()) for line in axes.lines}
    assert spans == {(cell.low, cell.high), (cell.mean,), (29.0,)}  # one picture has no interval
    low, high = axes.get_xlim()
    assert low < cell.low < cell.high < high
    assert [text.get_text() for text in axes.get_yticklabels()] == ["bicubic", "espcn"]  # as in the table


def test_the_plane_needs_a_perceptual_metric(monkeypatch):
    with made_metric("made_distance") as metric:
        board = made_board(metric)
        assert axes_of(board) is None
        monkeypatch.setattr("bench.figures.plane.PERCEPTION", (metric,))
        assert axes_of(board) == ("psnr", metric)


def profile(model, macs, latency_ms, device="a machine"):
    return Profile(model, 4, "1280x720", device, "fp32", 1, 1, macs, None, latency_ms, 1.0, 1.0, "0" * 12)


def test_quality_stands_against_latency_and_macs():
    with made_metric("made_distance") as metric:
        profiles = [
            profile("bicubic", 0, 10.0),
            profile("espcn", 2 * 10**9, 50.0),
            profile("srcnn", 10**9, 1.0),
        ]
        profiles += [profile("srgan-vgg54", 10**11, 5000.0)]
        (plot,) = costs(replace(made_board(metric), costs=tuple(profiles)), "Set14", "psnr")
    latency, macs = plot.figure.axes
    assert latency.collections[0].get_offsets().tolist() == [[10.0, 28.5], [50.0, 29.5], [5000.0, 28.0]]
    assert macs.collections[0].get_offsets().tolist() == [[2.0, 29.5], [100.0, 28.0]]  # bicubic has none
    assert "a machine, fp32, 1 thread." in plot.caption


def test_each_device_has_its_own_cost_figure_and_without_a_profile_there_is_none():
    with made_metric("made_distance") as metric:
        board = made_board(metric)
        profiles = [
            profile(m, 1, 1.0 + n, d) for n, m in enumerate(("bicubic", "espcn")) for d in ("one", "two")
        ]
        found = costs(replace(board, costs=tuple(profiles)), "Set14", "psnr")
        assert [plot.name for plot in found] == [
            "cost_matlab_x4_matlab_Set14",
            "cost_matlab_x4_matlab_Set14_2",
        ]
        assert costs(board, "Set14", "psnr") == []


def test_bars_are_sorted_and_have_the_colour_of_the_better_model():
    scores = [*scores_of("espcn", [30, 33, 31]), *scores_of("bicubic", [31, 30, math.inf])]
    (comparison,) = compare_columns(columns(scores), [("espcn", "bicubic")])
    plot = picture_differences(comparison)
    bars = plot.figure.axes[0].containers[0]
    assert [bar.get_height() for bar in bars] == [3.0, -1.0]
    assert [to_hex(bar.get_facecolor()) for bar in bars] == [colour_of("espcn"), colour_of("bicubic")]
    assert [text.get_text() for text in plot.figure.axes[0].get_xticklabels()] == ["barbara", "baboon"]


def test_where_lower_is_better_a_negative_bar_has_the_colour_of_a():
    with made_metric("made_distance") as metric:
        scores = [*scores_of("espcn", [0.1, 0.5], metric), *scores_of("bicubic", [0.2, 0.3], metric)]
        (comparison,) = compare_columns(columns(scores), [("espcn", "bicubic")])
        bars = picture_differences(comparison).figure.axes[0].containers[0]
    assert [to_hex(bar.get_facecolor()) for bar in bars] == [colour_of("bicubic"), colour_of("espcn")]


@pytest.mark.parametrize("step", [1.0, 1e-3, 1e-6])
def test_the_axis_of_differences_is_named_on_the_sheet_however_long_its_numbers(step):
    scores = [*scores_of("espcn", [3 * step, step]), *scores_of("bicubic", [0.0, 0.0])]
    (comparison,) = compare_columns(columns(scores), [("espcn", "bicubic")])
    figure = picture_differences(comparison).figure
    for text in (figure.axes[0].yaxis.label, *figure.axes[0].texts):
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width


def test_a_hundred_pictures_are_not_named_below_the_bars():
    scores = [*scores_of("espcn", np.arange(100)), *scores_of("bicubic", [40.0] * 100)]
    (comparison,) = compare_columns(columns(scores), [("espcn", "bicubic")])
    axes = picture_differences(comparison).figure.axes[0]
    assert len(axes.containers[0]) == 100
    assert axes.get_xticklabels() == []
    assert "100 pictures, sorted: img_100 first, baboon last" in axes.get_xlabel()


def three_metrics(rng, metric):
    psnr = rng.normal(30, 2, (4, 6)).round(1)
    ssim = 0.8 + 0.01 * psnr + rng.normal(0, 0.01, psnr.shape)
    distance = -psnr + rng.normal(0, 1, psnr.shape)
    tables = {"psnr": psnr, "ssim": ssim, metric: distance}
    scores = [
        score
        for name, table in tables.items()
        for model, row in zip("abcd", table, strict=True)
        for score in scores_of(model, row, name)
    ]
    return tables, columns([*scores, *scores_of("e", [99.0])])  # e lacks the other metrics


def test_agreement_is_spearmans_over_all_scores_and_within_pictures(rng):
    with made_metric("made_distance") as metric:
        tables, found = three_metrics(rng, metric)
        overall, within, n = agreement(found)
    order = [column.metric for column in found]
    assert n == 24
    turned = {name: -table if name == metric else table for name, table in tables.items()}
    for i, one in enumerate(order):
        for j, other in enumerate(order):
            expected = stats.spearmanr(turned[one].ravel(), turned[other].ravel()).statistic
            assert overall[i, j] == pytest.approx(expected, abs=1e-12)
            each = [stats.spearmanr(turned[one][:, k], turned[other][:, k]).statistic for k in range(6)]
            assert within[i, j] == pytest.approx(np.mean(each), abs=1e-12)


def test_the_heat_map_needs_three_metrics_and_prints_every_pair(rng):
    with made_metric("made_distance") as metric:
        _, found = three_metrics(rng, metric)
        assert correlations(found[:2]) is None
        plot = correlations(found)
        overall, _, _ = agreement(found)
    axes = plot.figure.axes[0]
    assert len([patch for patch in axes.patches if isinstance(patch, Rectangle)]) == 6
    assert f"{overall[1, 0]:.2f}".lstrip("0") in {text.get_text() for text in axes.texts}
    assert "24 scores" in axes.get_xlabel()


def test_a_metric_that_does_not_vary_agrees_with_none(rng):
    with made_metric("made_distance") as metric:
        _, found = three_metrics(rng, metric)
        flat = [replace(c, values={m: dict.fromkeys(v, 1.0) for m, v in c.values.items()})
                if c.metric == "ssim" else c for c in found]  # fmt: skip
        overall, within, _ = agreement(flat)
    place = [column.metric for column in found].index("ssim")
    assert np.isnan(overall[place]).all()
    assert np.isnan(within[place]).all()
    assert np.isfinite(np.delete(np.delete(overall, place, 0), place, 1)).all()


def test_names_cover_neither_each_other_nor_the_line():
    figure = Figure(figsize=(4, 3))
    axes = figure.subplots()
    points = [(0.5, 0.5), (0.52, 0.5), (0.5, 0.56), (0.9, 0.1)]
    axes.set(xlim=(0, 1), ylim=(0, 1))
    line = np.array([[0.0, 0.5], [0.5, 0.5], [0.5, 0.0]])
    label_points(axes, points, ["one", "two", "three", "four"], ["k"] * 4, line=line)
    boxes = [extent_of(text) for text in axes.texts]
    assert len(boxes) == 4
    assert not any(a.padded(-0.1).overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    corners = axes.transData.transform(line)
    assert not any(box.y0 < corners[0, 1] < box.y1 and box.x0 < corners[1, 0] for box in boxes)


def test_where_points_crowd_names_stand_off_and_a_line_leads_there():
    axes = Figure(figsize=(3.5, 2.7)).subplots()
    points = [(30.06 + 0.04 * n, 0.309 - 0.001 * n) for n in range(6)]
    axes.set(xlim=(26, 31), ylim=(0.25, 0.7))
    label_points(
        axes, points, [f"method {n}" for n in range(6)], ["k"] * 6, line=np.array([[26, 0.25], [31, 0.25]])
    )
    boxes = [extent_of(text) for text in axes.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert any(text.arrow_patch for text in axes.texts)


CROWD = {  # Set5 x4, PSNR and feature distance of networks, most of them near the right edge
    "nearest": (24.56, 0.658), "bicubic": (26.70, 0.370), "srcnn": (28.16, 0.309),
    "srcnn-955": (28.40, 0.303), "selfexsr": (28.44, 0.330), "drcn-lite": (28.65, 0.297),
    "espcn": (28.60, 0.290), "authors-srresnet-mse": (30.15, 0.263), "srresnet-mse": (29.55, 0.269),
    "srresnet-vgg22": (28.76, 0.262), "srgan-mse": (29.42, 0.262), "srgan-vgg22": (28.02, 0.254),
    "authors-srgan-vgg54": (27.30, 0.220), "srgan-vgg54d": (28.27, 0.247),
}  # fmt: skip


def test_no_name_is_cut_by_the_edge_of_the_sheet_where_points_crowd():
    with made_metric("made_distance") as metric:
        scores = [
            score
            for model, (psnr, distance) in CROWD.items()
            for score in (*scores_of(model, [psnr]), *scores_of(model, [distance], metric))
        ]
        (board,) = boards(scores, "")
        figure = plane(board, "Set14", "psnr", metric).figure
    boxes = [extent_of(text) for text in figure.axes[0].texts]
    assert len(boxes) == len(CROWD)
    assert all(0 <= box.x0 < box.x1 <= figure.bbox.width for box in boxes)
    assert all(0 <= box.y0 < box.y1 <= figure.bbox.height for box in boxes)


def test_a_report_writes_the_figures_that_its_inputs_allow(tmp_path, monkeypatch, rng):
    monkeypatch.setattr("bench.figures.plane.PERCEPTION", ("made_distance",))
    with made_metric("made_distance") as metric:
        _, found = three_metrics(rng, metric)
        scores = [
            score
            for column in found
            for model, values in column.values.items()
            for score in scores_of(model, values.values(), column.metric)
        ]
        run_of(tmp_path, scores)
        table = profiles_table(tmp_path)
        table.add([profile("a", 1, 1.0), profile("b", 2, 2.0)])
        table.merge()
        written = {path.name for path in write_report(read_results(tmp_path))}
    stems = [
        "plane_matlab_x4_matlab_Set14",
        "cost_matlab_x4_matlab_Set14",
        "correlation_matlab_x4_matlab_Set14",
    ]
    stems += ["differences_matlab_x4_matlab_Set14_psnr"]
    assert {f"{stem}.{ending}" for stem in stems for ending in ("png", "svg", "pdf")} <= written


def test_a_figure_is_drawn_once_under_the_first_protocol_that_allows_it(tmp_path):
    scores = [*scores_of("espcn", [30, 33]), *scores_of("bicubic", [31, 30])]
    other = [replace(score, protocol="rgb") for score in scores]
    alone = [replace(score, dataset="Set5", protocol="rgb") for score in scores]
    names = {path.stem for path in write_figures(boards([*scores, *other, *alone]), tmp_path)}
    drawn = {name for name in names if name.startswith("differences")}
    assert drawn == {"differences_matlab_x4_matlab_Set14_psnr", "differences_rgb_x4_matlab_Set5_psnr"}


def test_the_same_scores_give_the_same_files(tmp_path):
    scores = [*scores_of("espcn", [30, 33, 31]), *scores_of("bicubic", [31, 30, 29])]
    first = write_figures(boards(scores), tmp_path / "first")
    second = write_figures(boards(scores), tmp_path / "second")
    assert [path.suffix for path in first] == [".png", ".svg", ".png", ".svg", ".pdf"]  # means first
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_metrics_that_agree_stand_side_by_side():
    overall = np.eye(4)
    for one, other, value in ((0, 2, 0.9), (1, 3, 0.8)):
        overall[one, other] = overall[other, one] = value
    order = _alike_together(overall)
    assert sorted(order) == [0, 1, 2, 3]
    assert abs(order.index(0) - order.index(2)) == abs(order.index(1) - order.index(3)) == 1
    overall[0, :] = overall[:, 0] = np.nan  # a metric that does not vary
    assert sorted(_alike_together(overall)) == [0, 1, 2, 3]
