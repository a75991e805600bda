"""Export and import: identical both ways, and readable by others."""

import csv
import io

import pandas as pd
import pytest
from studies import SENTINELS, answer, make_study, new_rater, rate_all

from mos_app import analyse
from mos_app.analysis.input.reading import read_table
from mos_app.cli import main
from mos_app.store import importing
from mos_app.store.connection import Database, bind_database, open_database
from mos_app.store.exchange import (
    PAIR_COLUMNS,
    SCORE_COLUMNS,
    export,
    ratings_frame,
    wide_matrix,
)
from mos_app.store.importing import import_ratings
from mos_app.store.raters import rater_rows
from mos_app.store.ratings import rating_chunks, rating_rows, store_rating, upcoming
from mos_app.study.definition import Settings
from sr_models.data.errors import InputError

CONTRACT = (
    "study,rater,presentation,phase,dataset,picture,method,repeat,score,seconds,shown_at,device_pixel_ratio,rect,"
    "viewport,visible,fullscreen"
)


def filled(tmp_path, url=None, **settings) -> Database:
    """A study with two finished raters and one under way."""
    chosen = Settings(**{"repeat_share": 0.2, "repeat_lag": 3, "break_every": 0, **settings})
    make_study(tmp_path, settings=chosen, calibration=2)
    db = open_database(tmp_path / "study", url)
    scores = (1, 2) if chosen.method == "pairs" else (2, 5)
    for score in scores:
        rate_all(db, new_rater(db)[0], score)
    third = new_rater(db)[0]
    for _ in range(3):
        store_rating(db, third, answer(upcoming(db, third, 1)[0].id, 1))
    return db


@pytest.mark.parametrize("method", ["acr", "dcr", "pairs"])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_export_then_import_then_export_is_identical(tmp_path, method, database, request):
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    db = filled(tmp_path, url, method=method)
    first = {path.name: path.read_bytes() for path in export(db, tmp_path / "first")}
    empty = bind_database(db.study, f"sqlite:///{tmp_path / 'again.db'}")
    raters, ratings = import_ratings(empty, tmp_path / "first" / "ratings.csv")
    assert (raters, ratings) == (3, len(rating_rows(db)))
    second = {path.name: path.read_bytes() for path in export(empty, tmp_path / "second")}
    del first["raters.csv"], second["raters.csv"]  # sittings are not part of ratings.csv
    assert first == second
    assert [dict(row) for row in rating_rows(db)] == [dict(row) for row in rating_rows(empty)]
    db.close()
    empty.close()


def test_the_long_table_has_the_columns_of_the_contract(tmp_path):
    assert ",".join(SCORE_COLUMNS).startswith(CONTRACT)
    assert PAIR_COLUMNS[:9] == (*SCORE_COLUMNS[:6], "left", "right", "repeat")
    db = filled(tmp_path)
    frame = ratings_frame(db)
    assert tuple(frame.columns) == SCORE_COLUMNS
    assert set(frame["method"]) == {*SENTINELS, "nearest"}
    assert set(frame["phase"]) == {"calibration", "main"}
    assert pd.api.types.is_integer_dtype(frame["score"])
    db.close()


def test_parquet_holds_the_same_table_as_the_csv(tmp_path):
    db = filled(tmp_path)
    export(db, tmp_path)
    parquet = pd.read_parquet(tmp_path / "ratings.parquet")
    table = pd.read_csv(tmp_path / "ratings.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(parquet, table, check_dtype=False)
    db.close()


def test_chunks_put_together_are_the_whole_table(tmp_path, database_url):
    db = filled(tmp_path, database_url)
    with db.snapshot() as connection:
        chunks = list(rating_chunks(connection, size=7))
    assert [len(rows) for rows in chunks[:-1]] == [7] * (len(chunks) - 1)
    assert [row._asdict() for rows in chunks for row in rows] == [dict(row) for row in rating_rows(db)]
    db.close()


def test_an_export_shows_one_moment_while_raters_rate(tmp_path, database_url):
    """A rating stored between two chunks, and a rater who enters then, are not in it and not held up."""
    db = filled(tmp_path, database_url)
    before = [dict(row) for row in rating_rows(db)]
    with db.snapshot() as connection:
        chunks = rating_chunks(connection, size=5)
        seen = [next(chunks)]
        rate_all(db, new_rater(db)[0])
        seen += chunks
    assert [row._asdict() for rows in seen for row in rows] == before
    assert len(rating_rows(db)) == len(before) + 18
    db.close()


def test_the_report_of_a_study_is_that_of_its_export(tmp_path):
    """The database, the CSV and the Parquet file give the same numbers to the last digit."""
    db = filled(tmp_path)
    export(db, tmp_path)
    tables = {
        "database": ratings_frame(db),
        "csv": read_table(str(tmp_path / "ratings.csv")),
        "parquet": read_table(str(tmp_path / "ratings.parquet")),
    }
    pages = {name: analyse(table, draws=100).page() for name, table in tables.items()}
    assert pages["csv"] == pages["parquet"] == pages["database"]
    db.close()


def test_a_chunk_that_clashes_takes_the_chunks_before_with_it(tmp_path, monkeypatch, database_url):
    db = filled(tmp_path)
    export(db, tmp_path)
    change(tmp_path / "ratings.csv", 30, "presentation", rating_rows(db)[2]["presentation"])
    empty = bind_database(db.study, database_url)
    monkeypatch.setattr(importing, "_CHUNK", 10)
    with pytest.raises(InputError, match="nothing was imported"):
        importing.import_ratings(empty, tmp_path / "ratings.csv")
    assert rating_rows(empty) == rater_rows(empty) == []
    db.close()
    empty.close()


def test_the_wide_matrix_has_a_row_a_stimulus_and_a_column_a_rater_without_repeats(tmp_path):
    db = filled(tmp_path)
    wide = wide_matrix(ratings_frame(db))
    raters = [row["id"] for row in rater_rows(db)]
    assert len(wide) == len(db.study.stimuli)
    assert list(wide.columns) == raters[:2]  # the third is still practising
    assert (wide[raters[0]] == 2).all()
    assert (wide[raters[1]] == 5).all()
    db.close()


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")  # sureal's own code
def test_sureal_reads_what_we_write(tmp_path):
    from sureal.dataset_reader import RawDatasetReader
    from sureal.tools.misc import import_json_file

    db = filled(tmp_path)
    export(db, tmp_path)
    reader = RawDatasetReader(import_json_file(str(tmp_path / "sureal.json")))
    assert reader.num_dis_videos == len(db.study.stimuli)
    assert reader.num_observers == 2  # the third is still practising
    assert {tuple(sorted(row)) for row in reader.opinion_score_3darray[:, :, 0].tolist()} == {(2.0, 5.0)}
    db.close()


def change(path, line: int, column: str, value: str) -> None:
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    rows[line][column] = value
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue())


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("score", "7", "from 1 to 5"),
        ("score", "good", "invalid literal"),
        ("method", "unheard-of", "no 'unheard-of'"),
        ("study", "other", "is of the study 'other'"),
        ("phase", "later", "calibration or main"),
        ("seconds", "long", "could not convert"),
        ("seconds", "nan", "expected a number"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_imported(tmp_path, column, value, message):
    db = filled(tmp_path)
    export(db, tmp_path)
    change(tmp_path / "ratings.csv", 5, column, value)
    empty = bind_database(db.study, f"sqlite:///{tmp_path / 'again.db'}")
    with pytest.raises(InputError, match=f"line 7: .*{message}.*nothing was imported"):
        import_ratings(empty, tmp_path / "ratings.csv")
    assert rating_rows(empty) == []
    db.close()
    empty.close()


def test_a_file_that_was_cut_short_or_has_a_value_too_many_is_named(tmp_path):
    db = filled(tmp_path)
    export(db, tmp_path)
    whole = (tmp_path / "ratings.csv").read_text()
    empty = bind_database(db.study, f"sqlite:///{tmp_path / 'again.db'}")
    last = whole.count("\n")
    for text in (whole[: whole.rindex("\n", 0, -1) + 40], whole[:-1] + ",more\n"):
        (tmp_path / "ratings.csv").write_text(text)
        with pytest.raises(InputError, match=f"line {last}: expected a value for each column"):
            import_ratings(empty, tmp_path / "ratings.csv")
    assert rating_rows(empty) == []
    db.close()
    empty.close()


def test_ratings_that_are_there_already_are_not_imported_again(tmp_path):
    db = filled(tmp_path)
    export(db, tmp_path)
    before = len(rating_rows(db))
    with pytest.raises(InputError, match="nothing was imported"):
        import_ratings(db, tmp_path / "ratings.csv")
    assert len(rating_rows(db)) == before
    db.close()


def test_the_commands_do_the_same(tmp_path, capsys):
    db = filled(tmp_path)
    study = str(tmp_path / "study")
    gone = rater_rows(db)[0]["id"]
    db.close()
    assert main(["export", study, "--to", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    assert main(["status", study, "--flags"]) == 0
    assert f"{gone}     18/18     finished   one score in" in capsys.readouterr().out
    assert main(["forget", study, gone]) == 0
    assert f"{gone} is forgotten: 18 ratings" in capsys.readouterr().out
    assert main(["close", study]) == 0
    assert main(["close", study, "--reopen"]) == 0
    assert main(["invite", study, "3", "--url", "https://study.example"]) == 0
    links = capsys.readouterr().out.split()[-3:]
    assert len(set(links)) == 3
    assert all(link.startswith("https://study.example/?invite=") for link in links)
    assert main(["import", study, str(tmp_path / "nowhere.csv")]) == 2


def test_the_status_reads_no_rating_unless_it_is_to_look_for_flags(tmp_path, capsys, monkeypatch):
    db = filled(tmp_path)
    monkeypatch.setattr("mos_app.store.exchange.rating_chunks", lambda *_: pytest.fail("reads ratings"))
    assert main(["status", str(tmp_path / "study")]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "study: open; 3 raters, 2 finished; 0 links unused"
    assert told[1:] == [
        f"{row['id']}  {row['done']:>5}/18     {state}"
        for row, state in zip(rater_rows(db), ["finished", "finished", "under way"], strict=True)
    ]
    db.close()


def test_a_study_without_ratings_exports_empty_tables(tmp_path):
    make_study(tmp_path)
    db = open_database(tmp_path / "study")
    export(db, tmp_path)
    assert (tmp_path / "ratings.csv").read_text() == ",".join(SCORE_COLUMNS) + "\n"
    assert len(pd.read_parquet(tmp_path / "ratings.parquet")) == 0
    db.close()


def test_sureal_json_reads_back_with_methods_pictures_and_datasets(tmp_path):
    db = filled(tmp_path)
    export(db, tmp_path)
    names = ["rater", "dataset", "picture", "method", "score"]
    back = read_table(str(tmp_path / "sureal.json"))[names]
    frame = ratings_frame(db)
    wanted = frame[(frame["phase"] == "main") & (frame["repeat"] == 0)][names]
    order = ["rater", "dataset", "picture", "method"]
    back, wanted = (table.sort_values(order, ignore_index=True) for table in (back, wanted))
    pd.testing.assert_frame_equal(back, wanted, check_dtype=False)
    db.close()
