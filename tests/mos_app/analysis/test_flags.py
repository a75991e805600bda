"""The rule book of flags: where each rises, and that the admin page and the report name the same people."""

import numpy as np
import pandas as pd
import pytest
from studies import make_study, new_rater, rate_all

from mos_app.analysis.flags import longest_run, rater_flags, rater_table, server_seconds
from mos_app.analysis.input.panel import panel_of
from mos_app.analysis.input.ratings import check_ratings
from mos_app.store.connection import open_database
from mos_app.store.exchange import ratings_frame
from mos_app.study.definition import Settings


def ratings(*rows: dict) -> pd.DataFrame:
    """A rater's table as it is exported; what a row leaves out is unremarkable."""
    usual = {
        "rater": "r1",
        "dataset": "d",
        "phase": "main",
        "repeat": 0,
        "seconds": 2.0,
        "visible": 1,
        "device_pixel_ratio": 1.0,
    }
    table = pd.DataFrame([{**usual, **row} for row in rows])
    numbered = pd.Series([f"p{i}" for i in range(len(table))])
    table["picture"] = table["picture"].fillna(numbered) if "picture" in table else numbered
    table["method"] = table["method"].fillna("m") if "method" in table else "m"
    return table.assign(
        shown_at=[f"2026-01-01T00:{i // 60:02d}:{i % 60:02d}.000Z" for i in range(len(table))]
    )


VARIED = [{"score": 1 + i % 5} for i in range(20)]
SAME = {"score": 3}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (VARIED, ""),
        ([SAME] * 24 + VARIED, ""),
        ([SAME] * 25 + VARIED, "25 times the same score in a row"),
        ([SAME] * 20, "one score in 100% of votes"),
        (VARIED + [{"score": 1 + i % 5, "seconds": 0.5} for i in range(4)], ""),
        (VARIED + [{"score": 1 + i % 5, "seconds": 0.5} for i in range(6)], "23% of answers under 0.7 s"),
        (
            VARIED + [{"score": 2, "method": "hr"}, {"score": 4, "method": "nearest"}] * 2,
            "100% of anchors on the wrong side of the scale",
        ),
        (VARIED + [{"score": 4, "method": "hr"}, {"score": 2, "method": "nearest"}] * 2, ""),
        ([*VARIED, {"score": 2, "method": "hr"}, {"score": 5, "method": "hr"}], ""),
        ([*VARIED, {"score": 2, "device_pixel_ratio": 1.25}], "zoom changed"),
        (
            [*VARIED, {"score": 1, "visible": 0}, {"score": 4, "visible": 0}],
            "page hidden in 9% of ratings",
        ),
        (
            VARIED + [{"score": (5, 4, 5, 2, 1)[i], "picture": f"p{i}", "repeat": 1} for i in range(5)],
            "hidden repeats differ by 2.8 steps",
        ),
        (VARIED + [{"score": 1 + i % 5, "picture": f"p{i}", "repeat": 1} for i in range(5)], ""),
    ],
)
def test_flags_rise_where_they_say_and_not_before(rows, expected):
    assert rater_flags(ratings(*rows)) == {"r1": expected}


def test_a_rater_who_disagrees_with_the_others_is_flagged():
    agreeing = [ratings(*VARIED).assign(rater=rater) for rater in ("r1", "r2", "r4")]
    other = ratings(*({"score": 6 - row["score"]} for row in VARIED)).assign(rater="r3")
    table = pd.concat([*agreeing, other])
    assert rater_flags(table)["r3"] == "correlation -1.00 with the others"


def test_the_longest_run_is_counted():
    assert longest_run(pd.Series([1, 2, 2, 2, 1, 1])) == 3


def test_choices_are_flagged_by_side_and_speed():
    table = pd.DataFrame(
        {"rater": "r1", "picture": "p", "left": "a", "right": "b", "choice": ["left"] * 30, "seconds": 0.4}
    )
    assert rater_flags(table) == {"r1": "one score in 100% of votes; 100% of answers under 0.7 s"}


def test_before_the_first_rating_that_counts_there_are_no_flags():
    assert rater_flags(ratings(SAME).assign(phase="calibration")) == {}
    assert rater_flags(ratings(SAME).iloc[:0]) == {}


def test_the_admin_page_and_the_report_name_the_same_people(tmp_path):
    """A rater who gave one score to everything, one who answered at once, and three who looked."""
    make_study(tmp_path, settings=Settings(break_every=0), sizes=[(64, 48)] * 5)
    db = open_database(tmp_path / "study")
    for score in (3, 2):
        rate_all(db, new_rater(db)[0], score)
    frame = ratings_frame(db)
    db.close()
    on_page = rater_flags(frame)
    checked = check_ratings(frame)
    in_report = rater_table(checked, panel_of(checked)).set_index("rater")["flags"].to_dict()
    assert on_page == in_report
    assert all("one score in 100% of votes" in words for words in on_page.values())


def timed(seconds_claimed: float, stored: list[float]) -> pd.DataFrame:
    """One rater's answers with what the browser claims and when (s) the server stored them."""
    start = pd.Timestamp("2026-01-01T10:00:00Z")
    return pd.DataFrame(
        {
            "rater": "r",
            "picture": [f"p{i}" for i in range(len(stored))],
            "method": "m",
            "score": [1 + i % 5 for i in range(len(stored))],
            "seconds": seconds_claimed,
            "stored_at": [(start + pd.Timedelta(seconds=at)).isoformat() for at in stored],
        }
    )


def test_answers_faster_than_they_claim_are_found_by_the_servers_clock():
    forged = timed(3.0, [0.3 * i for i in range(40)])
    assert "98% of answers under 0.7 s" in rater_flags(forged)["r"]


def test_answers_kept_back_by_a_lost_network_are_not_too_fast():
    honest = [2.0 * i for i in range(20)] + [80.0 + 0.05 * i for i in range(20)]
    assert "under 0.7 s" not in rater_flags(timed(2.0, honest))["r"]


def test_a_batch_shares_the_time_since_the_one_before_in_whatever_order_rows_come():
    table = pd.concat(
        [
            timed(
                1.0, [0.0, 0.2, 10.2, 10.4, 10.6, 13.6]
            ),  # two answers, three more 10 s later, one 3 s later
            timed(1.0, [5.0, 9.0]).assign(rater="s"),
        ],
        ignore_index=True,
    )
    expected = [np.nan, 0.2, 10.4 / 3, 10.4 / 3, 10.4 / 3, 3.0, np.nan, 4.0]
    shuffled = table.sample(frac=1, random_state=0)
    found = server_seconds(shuffled, 0.7)
    assert list(found.index) == list(shuffled.index)
    assert found.sort_index().tolist() == pytest.approx(expected, nan_ok=True)


def test_what_the_viewing_check_found_is_a_flag():
    table = timed(2.0, [3.0 * i for i in range(10)]).assign(viewing="zoom 200 %")
    assert "viewing check: zoom 200 %" in rater_flags(table)["r"]
