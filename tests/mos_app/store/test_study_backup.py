"""Backups taken while raters rate: one moment, whole, and back in place; on SQLite and PostgreSQL."""

import stat
import threading
from dataclasses import replace

import pytest
from studies import answer, make_study, new_rater, rate_all

from mos_app.cli import main
from mos_app.store.backup import backup, default_name, restore
from mos_app.store.connection import bind_database
from mos_app.store.raters import forget_rater, rater_of
from mos_app.store.ratings import rating_rows, store_rating, upcoming
from mos_app.study.current import CurrentStudy
from mos_app.study.definition import Settings
from sr_models.data.errors import InputError


@pytest.fixture
def db(tmp_path, database_url):
    study = make_study(tmp_path, settings=Settings(raters=40, break_every=0))
    opened = bind_database(study, database_url)
    yield opened
    opened.close()


def test_a_backup_taken_under_load_is_one_moment_and_holds_all_that_was_acknowledged(db, tmp_path):
    acknowledged, stop = [], threading.Event()

    def rate() -> None:
        while not stop.is_set():
            rater, _ = new_rater(db)
            for due in upcoming(db, rater, 5):
                store_rating(db, rater, answer(due.id, 3))
                acknowledged.append(due.id)

    people = [threading.Thread(target=rate) for _ in range(3)]
    for person in people:
        person.start()
    try:
        while len(acknowledged) < 20:
            stop.wait(0.01)
        before = set(acknowledged)
        content = backup(db, tmp_path / "b")
        after = set(acknowledged)
    finally:
        stop.set()
        for person in people:
            person.join()
    assert len(before) <= content.ratings <= len(after) + 3  # three may be stored and not yet noted
    whole = {row["presentation"] for row in rating_rows(db)}
    assert restore(db, tmp_path / "b", replace=True) == content
    there = {row["presentation"] for row in rating_rows(db)}
    assert before <= there <= whole
    assert len(there) == content.ratings


def test_what_was_backed_up_comes_back_and_people_rate_on(db, tmp_path):
    rater, token = new_rater(db)
    store_rating(db, rater, answer(upcoming(db, rater, 1)[0].id, 4))
    rows = rating_rows(db)
    content = backup(db, tmp_path / "b")
    assert content.text() == "1 raters, 1 ratings"
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("*b*") if path.name.startswith((".b", "b-"))] == []
    forget_rater(db, rater)
    assert rating_rows(db) == []
    assert restore(db, tmp_path / "b") == content  # no rater is there to lose
    assert rating_rows(db) == rows
    assert rater_of(db, token) is not None
    assert rate_all(db, rater) == len(db.study.stimuli) - 1


def test_raters_are_not_lost_unasked(db, tmp_path):
    new_rater(db)
    backup(db, tmp_path / "b")
    with pytest.raises(InputError, match=r"holds 1 raters, 0 ratings, which would be lost.*--replace"):
        restore(db, tmp_path / "b")
    with pytest.raises(InputError, match="exists: a backup never replaces"):
        backup(db, tmp_path / "b")


def test_another_studys_backup_is_refused_and_changes_nothing(db, tmp_path):
    rater, _ = new_rater(db)
    backup(db, tmp_path / "ours")
    other = make_study(tmp_path / "other", settings=Settings(raters=3, break_every=0))
    with pytest.raises(InputError, match="ours: a backup of another study"):
        restore(replace(db, _current=CurrentStudy(other)), tmp_path / "ours", replace=True)
    assert upcoming(db, rater, 1)


def test_other_files_are_refused(db, tmp_path):
    for name, data in (("text", b"hello"), ("empty", b""), ("other", b"SQLite format 2")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=rf"{name}: not a backup of an? .* database, as this study's is"):
            restore(db, tmp_path / name)
    with pytest.raises(InputError, match="none: cannot be read"):
        restore(db, tmp_path / "none")


def test_a_backup_cut_short_leaves_the_database_as_it_was(db, tmp_path):
    rater, _ = new_rater(db)
    backup(db, tmp_path / "b")
    whole = (tmp_path / "b").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut"):
        restore(db, tmp_path / "cut", replace=True)
    assert upcoming(db, rater, 1)


def test_without_postgresqls_programs_the_package_is_named(db, tmp_path, monkeypatch):
    if db.is_sqlite:
        assert backup(db, tmp_path / "b").raters == 0  # needs no program
        return
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"pg_dump is not installed: .* postgresql-client"):
        backup(db, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_the_commands_back_up_and_restore(tmp_path, capsys):
    study = make_study(tmp_path, settings=Settings(raters=4, break_every=0))
    folder = str(tmp_path / "study")
    db = bind_database(study, f"sqlite:///{tmp_path / 'study' / 'study.db'}")
    new_rater(db)
    name = default_name(db, "2026-01-02T03:04:05.678Z")
    db.close()
    assert name == "study-20260102T030405Z.sqlite"
    assert main(["backup", folder]) == 0
    (made,) = (tmp_path / "study" / "backups").iterdir()
    assert "1 raters, 0 ratings" in capsys.readouterr().out
    assert main(["restore", folder, str(made)]) == 2
    assert main(["restore", folder, str(made), "--replace"]) == 0
    assert "1 raters, 0 ratings again" in capsys.readouterr().out
