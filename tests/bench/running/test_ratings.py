"""People as one more metric: MOS per picture from a study, beside what metrics say."""

import pandas as pd
import pytest

import bench
from bench.cli import main
from sr_models.data.errors import InputError

IMAGES = ("astronaut", "chelsea", "coffee")


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    bench.run(["sample"], ["nearest", "bicubic"], protocols=["matlab", "rgb"], results=folder)
    return folder


@pytest.fixture
def folder(scored, tmp_path):
    (tmp_path / "run").mkdir()
    for name in ("scores.csv", "run.json"):
        (tmp_path / "run" / name).write_bytes((scored / name).read_bytes())
    return tmp_path / "run"


def opinions(path, shift=0.0, **columns):
    rows = [
        {"picture": image, "method": method, "mos": base + place / 4 + shift, **columns}
        for method, base in (("nearest", 1.0), ("bicubic", 2.0), ("hr", 4.5))
        for place, image in enumerate(IMAGES)
    ]
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_mos_is_a_column_of_every_protocols_table(folder, tmp_path, capsys):
    assert main(["report", str(folder), "--ratings", str(opinions(tmp_path / "mos.csv"))]) == 0
    shown = capsys.readouterr()
    assert shown.out.count("| bicubic |") == 4  # two tables and their ranks
    assert "sample MOS" in shown.out
    assert "**2.25**" in shown.out  # the mean of 2, 2.25, 2.5
    assert "mos: 12 rows from 9 rated versions" in shown.err
    assert "not scored in this run, so not shown: astronaut hr, chelsea hr, coffee hr" in shown.err
    assert (folder / "plots" / "plane_matlab_x4_matlab_sample.png").is_file()


def test_values_land_on_their_picture_and_model(folder, tmp_path):
    from bench.running.ratings import add_ratings

    add_ratings(folder, opinions(tmp_path / "mos.csv", dataset="sample"))
    rows = bench.load(folder).scores.query("metric == 'mos' and protocol == 'rgb'")
    found = {(row.model, row.image): row.value for row in rows.itertuples()}
    assert found["bicubic", "coffee"] == 2.5
    assert found["nearest", "astronaut"] == 1.0
    assert rows["signature"].nunique() == 1
    assert rows["signature"].iloc[0].startswith("mos|people|mean over raters|ratings@")


def test_later_ratings_replace_earlier_ones(folder, tmp_path):
    from bench.running.ratings import add_ratings

    add_ratings(folder, opinions(tmp_path / "a.csv"))
    add_ratings(folder, opinions(tmp_path / "b.csv", shift=0.5))
    values = bench.load(folder).scores.query("metric == 'mos'")
    assert len(values) == 12
    assert values["value"].min() == 1.5


def test_the_folder_of_an_analysis_will_do(folder, tmp_path):
    import mos_app

    ratings = pd.DataFrame(
        [
            {"rater": f"r{rater}", "picture": image, "method": method, "score": score}
            for rater in range(4)
            for image in IMAGES
            for method, score in (("nearest", 1 + rater % 2), ("bicubic", 3 + rater % 2))
        ]
    )
    mos_app.analyse(ratings).write(tmp_path / "analysis")
    run = bench.run(
        ["sample"], ["nearest", "bicubic"], protocols=["matlab", "rgb"], results=folder,
        ratings=tmp_path / "analysis",
    )  # fmt: skip
    assert run.summary.joined.rows == 12
    values = run.scores.query("metric == 'mos'").groupby("model")["value"].mean()
    assert values.to_dict() == {"nearest": 1.5, "bicubic": 3.5}


def test_a_run_keeps_the_ratings_that_are_there(folder, tmp_path):
    from bench.running.ratings import add_ratings

    add_ratings(folder, opinions(tmp_path / "mos.csv"))
    run = bench.run(["sample"], ["nearest", "bicubic"], ["psnr", "ssim", "rmse"], results=folder)
    assert len(run.scores.query("metric == 'mos'")) == 12


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("picture,method\na,b\n", "mos missing"),
        ("picture,method,mos\na,b,good\n", "line 2: expected a number as mos, got 'good'"),
        ("picture,method,mos\ncoffee,nearest,nan\n", "line 2: expected a number as mos, got 'nan'"),
        ("picture,method,mos\ncoffee,nearest,inf\n", "line 2: expected a number as mos, got 'inf'"),
        ("picture,method,mos\ncoffee,nearest\n", "line 2: expected a number as mos, got ''"),
        ("picture,method,mos\ncoffee,nearest,3\ncoffee,nearest,4\n", "line 3: nearest of coffee again"),
        ("picture,method,mos\nSk\xf6gafoss,nearest,3\n", "is not UTF-8 text"),
        ("picture,method,mos\nother,nearest,3\n", "no picture rated in"),
    ],
)
def test_what_cannot_be_joined_is_one_sentence(folder, tmp_path, capsys, content, why):
    (tmp_path / "mos.csv").write_text(content, encoding="latin-1")
    assert main(["report", str(folder), "--ratings", str(tmp_path / "mos.csv")]) == 2
    assert why in capsys.readouterr().err
    assert "mos" not in set(bench.load(folder).scores["metric"])


def test_a_folder_that_is_not_there_is_named_and_not_made(tmp_path, capsys):
    ratings = str(opinions(tmp_path / "mos.csv"))
    assert main(["report", str(tmp_path / "typo"), "--ratings", ratings]) == 2
    assert "typo is not a folder: give the folder of a `bench run`" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


def test_nobody_can_ask_for_mos_to_be_computed():
    with pytest.raises(InputError, match="comes from people"):
        bench.run(["sample"], ["nearest"], ["mos"])
