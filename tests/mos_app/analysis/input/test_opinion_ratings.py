"""Reading and checking: every shape of file, and a sentence for every mistake."""

import json

import numpy as np
import pandas as pd
import pytest

from mos_app.analysis.input.panel import panel_of
from mos_app.analysis.input.ratings import Scale, check_ratings
from mos_app.analysis.input.reading import read_table
from mos_app.analysis.statistics.pairs import check_pairs
from sr_models.data.errors import InputError

LONG = pd.DataFrame(
    [("r1", "p1", "a", 3), ("r1", "p1", "b", 4), ("r2", "p1", "a", 2), ("r2", "p1", "b", 5)],
    columns=["rater", "picture", "method", "score"],
)


def matrix(table: pd.DataFrame) -> np.ndarray:
    return panel_of(check_ratings(table)).scores


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_a_long_table_reads_the_same_from_each_kind_of_file(tmp_path, ending):
    path = tmp_path / f"ratings.{ending}"
    if ending == "parquet":
        LONG.to_parquet(path)
    else:
        LONG.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    assert matrix(read_table(str(path))).tolist() == [[3, 2], [4, 5]]


def test_names_stay_as_they_are_written(tmp_path):
    """Digits are no number: 007 is not 7, and long ones that differ in the last place are not one."""
    path = tmp_path / "ratings.csv"
    long = LONG.assign(dataset="007", presentation=[f"00000100000000000000{i}" for i in range(4)])
    long.replace({"r1": "01", "r2": "1"}).to_csv(path, index=False)
    table = read_table(str(path))
    assert table["presentation"].nunique() == 4
    assert set(table["dataset"]) == {"007"}
    assert set(table["rater"]) == {"01", "1"}
    assert len(check_ratings(table).first) == 4


@pytest.mark.parametrize(
    "head", ["picture,method,r1,r2", "content_id,asset_id,r1,r2", "dataset,picture,method,r1,r2"]
)
def test_a_wide_matrix_has_a_row_a_stimulus_and_a_column_a_rater(tmp_path, head):
    path, dataset = tmp_path / "wide.csv", "d," if head.startswith("dataset") else ""
    path.write_text(f"{head}\n{dataset}p1,a,3,\n{dataset}p1,b,4,5\n")
    found = panel_of(check_ratings(read_table(str(path))))
    assert found.raters == ("r1", "r2")
    assert found.scores == pytest.approx(np.array([[3, np.nan], [4, 5]]), nan_ok=True)
    assert found.stimuli["method"].tolist() == ["a", "b"]


def test_sureal_json_reads_lists_and_named_raters_with_repeats(tmp_path):
    path = tmp_path / "study.json"
    videos = [
        {"content_id": 0, "asset_id": 7, "os": {"ann": [3, 4], "bob": 2}},
        {"content_id": 0, "asset_id": 8, "os": {"ann": 5, "bob": 4}},
    ]
    references = [{"content_id": 0, "content_name": "baboon"}]
    path.write_text(json.dumps({"dataset_name": "s", "ref_videos": references, "dis_videos": videos}))
    ratings = check_ratings(read_table(str(path)))
    assert panel_of(ratings).scores.tolist() == [[3, 2], [5, 4]]
    assert set(ratings.first["picture"]) == {"baboon"}
    assert ratings.repeats["score"].tolist() == [4]


def test_raters_sort_as_people_count():
    table = pd.DataFrame([(f"r{i}", "p", "m", 3) for i in (10, 2, 1)], columns=LONG.columns)
    assert panel_of(check_ratings(table)).raters == ("r1", "r2", "r10")


def test_calibration_missing_votes_and_duplicates_are_left_out_and_said():
    extra = pd.DataFrame(
        [("r1", "p9", "a", 1, "calibration"), ("r3", "p1", "a", None, "main"), ("r1", "p1", "a", 3, "main")],
        columns=[*LONG.columns, "phase"],
    )
    ratings = check_ratings(pd.concat([LONG.assign(phase="main"), extra]))
    assert len(ratings.first) == 4
    assert ratings.notes == (
        "1 calibration ratings left out.",
        "1 rows without a score are missing votes, left out.",
        "1 duplicate rows dropped.",
    )


def test_a_presentation_sent_twice_counts_once():
    table = LONG.assign(presentation=["p1", "p2", "p3", "p4"])
    again = table.iloc[:1].assign(seconds=9.0)
    ratings = check_ratings(pd.concat([table.assign(seconds=1.0), again]))
    assert len(ratings.first) == 4
    assert len(ratings.repeats) == 0


def test_repeats_are_told_by_their_column_whatever_the_order():
    table = pd.DataFrame([("r", "p", "m", 5, 1), ("r", "p", "m", 2, 0)], columns=[*LONG.columns, "repeat"])
    ratings = check_ratings(table)
    assert (ratings.first["score"].tolist(), ratings.repeats["score"].tolist()) == ([2], [5])


def change(**columns: object) -> pd.DataFrame:
    return LONG.assign(**columns)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (LONG.drop(columns="score"), "score missing"),
        (LONG.iloc[:0], "a header but no rows"),
        (change(score=[3, 4, 9, 0]), r"2 scores are off the scale 1 to 5, first 9 by r2 for a of p1"),
        (change(score=["3", "4", "x", "5"]), "expected a number as score, got 'x'"),
        (change(score=[None] * 4), "no row has a score"),
        (change(rater=["r1", None, "r2", "r2"]), "1 rows have no rater"),
        (change(phase="calibration"), "no main rating"),
        (pd.concat([LONG, LONG.iloc[:1].assign(score=5)]), "rated twice by one rater, first a of p1 by r1"),
        (change(presentation="same"), "presentation same of rater r1 is there twice"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(table, says):
    with pytest.raises(InputError, match=says):
        check_ratings(table)


def test_another_scale_is_accepted_when_stated():
    assert check_ratings(change(score=[0, 100, 50, 7]), Scale(0, 100)).first["score"].max() == 100


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.csv", None, "no file"),
        ("empty.csv", "", "is empty"),
        ("bad.json", "{", "not a sureal dataset"),
        ("bad.parquet", "x", "not a Parquet table"),
        ("lone.csv", "picture,method\np,m\n", "one column a rater"),
        ("study", None, "no study is known here"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, name, content, says):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=says):
        read_table(str(path))


def test_anything_but_a_table_goes_to_the_reader_of_studies():
    assert (
        read_table("folder/of/a/study", lambda source: LONG.assign(study=source))["study"].iloc[0]
        == "folder/of/a/study"
    )


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"choice": ["up"]}, "expected the choice left, right, tie"),
        ({"right": ["a"]}, "same method on both sides"),
        ({"choice": [None]}, "no choice"),
    ],
)
def test_pairs_that_cannot_be_used_say_why(columns, says):
    from mos_app.analysis.statistics.pairs import bradley_terry

    table = pd.DataFrame(
        {"rater": ["r"], "picture": ["p"], "left": ["a"], "right": ["b"], "choice": ["left"]}
    )
    with pytest.raises(InputError, match=says):
        bradley_terry(check_pairs(table.assign(**columns)), draws=10, seed=0)
