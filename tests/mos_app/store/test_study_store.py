"""The store: one transaction a rating, idempotent, append-only; the same on SQLite and PostgreSQL."""

import os
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, select, update
from sqlalchemy.exc import DBAPIError
from studies import answer, make_study, new_rater, newcomer, rate_all, refusal

from mos_app.store import tables
from mos_app.store.connection import bind_database, open_database
from mos_app.store.invites import invite_state, make_invites
from mos_app.store.raters import enter, forget_rater, rater_of, rater_rows
from mos_app.store.ratings import rating_rows, store_rating, upcoming
from mos_app.store.refusal import RefusedError
from mos_app.store.state import set_closed
from mos_app.study.definition import Settings
from sr_models.data.errors import InputError


@pytest.fixture
def db(tmp_path, database_url):
    opened = bind_database(make_study(tmp_path, settings=Settings(raters=4, break_every=0)), database_url)
    yield opened
    opened.close()


def test_a_resend_is_harmless_and_another_score_is_refused(db):
    rater, _ = new_rater(db)
    due = upcoming(db, rater, 1)[0]
    store_rating(db, rater, answer(due.id, 4))
    store_rating(db, rater, answer(due.id, 4))
    assert refusal(lambda: store_rating(db, rater, answer(due.id, 2))) == (
        409,
        "stored already with another score",
    )
    assert [row["score"] for row in rating_rows(db)] == [4]


def test_only_the_presentation_now_due_is_taken(db):
    rater, _ = new_rater(db)
    first, second = upcoming(db, rater, 2)
    assert refusal(lambda: store_rating(db, rater, answer(second.id))) == (409, "not due yet")
    store_rating(db, rater, answer(first.id))
    store_rating(db, rater, answer(second.id))
    assert [row["position"] for row in rating_rows(db)] == [0, 1]


def test_nobody_rates_for_another(db):
    (one, _), (two, _) = new_rater(db), new_rater(db)
    foreign = upcoming(db, two, 1)[0]
    assert refusal(lambda: store_rating(db, one, answer(foreign.id)))[0] == 404
    assert rating_rows(db) == []


def test_twenty_threads_sending_the_same_answer_store_it_once(db):
    rater, _ = new_rater(db)
    due = upcoming(db, rater, 1)[0]
    start = threading.Barrier(20)

    def send(_: int) -> None:
        start.wait()
        store_rating(db, rater, answer(due.id, 3))

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(send, range(20)))  # none of them raises
    assert len(rating_rows(db)) == 1
    assert rater_rows(db)[0]["done"] == 1


def test_threads_that_disagree_store_exactly_one_of_their_scores(db):
    rater, _ = new_rater(db)
    due = upcoming(db, rater, 1)[0]
    start = threading.Barrier(10)

    def send(score: int) -> str:
        start.wait()
        try:
            store_rating(db, rater, answer(due.id, score))
        except RefusedError as refused:
            return refused.message
        return f"stored {score}"

    with ThreadPoolExecutor(10) as pool:
        told = Counter(pool.map(send, [1, 2, 3, 4, 5] * 2))
    kept = rating_rows(db)[0]["score"]
    assert told == {f"stored {kept}": 2, "stored already with another score": 8}


def test_a_finished_rater_has_a_code_and_nothing_is_due(db):
    rater, token = new_rater(db)
    assert rate_all(db, rater) == len(db.study.stimuli)
    person = rater_of(db, token)
    assert person is not None
    assert person.finished
    assert len(person.completion_code or "") == 10
    assert upcoming(db, rater, 5) == []


def test_the_database_itself_refuses_to_change_a_rating(db):
    rater, _ = new_rater(db)
    store_rating(db, rater, answer(upcoming(db, rater, 1)[0].id, 5))
    with pytest.raises(DBAPIError, match="append-only"), db.writing() as connection:
        connection.execute(update(tables.ratings).values(score=1))
    assert rating_rows(db)[0]["score"] == 5


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(db):
    with db.reading() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), tables.metadata)
    assert differences == []


def test_an_invite_is_kept_only_as_a_hash_and_works_once(db):
    code = make_invites(db, 1)[0]
    with db.reading() as connection:
        kept = connection.execute(select(tables.invites)).mappings().one()
    assert code not in str(dict(kept))
    enter(db, newcomer(db.study, code))
    assert invite_state(db, code) == "used"
    assert refusal(lambda: enter(db, newcomer(db.study, code))) == (403, "used")


def test_one_time_links_opened_at_once_let_one_person_in(db):
    code = make_invites(db, 1)[0]
    start = threading.Barrier(8)

    def come(_: int) -> bool:
        start.wait()
        try:
            enter(db, newcomer(db.study, code))
        except RefusedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(come, range(8))) == 1
    assert len(rater_rows(db)) == 1


def test_people_who_come_at_once_get_numbers_of_their_own_and_the_quota_holds(db):
    codes = make_invites(db, 10)
    start = threading.Barrier(10)

    def come(code: str) -> bool:
        start.wait()
        try:
            enter(db, newcomer(db.study, code))
        except RefusedError as refused:
            if refused.message != "full":
                raise
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(come, codes)) == 4
    assert len({row["number"] for row in rater_rows(db)}) == 4


def test_a_reusable_link_lets_many_in_and_an_expired_one_nobody(db):
    reusable = make_invites(db, 1, reusable=True)[0]
    expired = make_invites(db, 1, days=-1)[0]
    enter(db, newcomer(db.study, reusable))
    enter(db, newcomer(db.study, reusable))
    assert refusal(lambda: enter(db, newcomer(db.study, expired))) == (403, "expired")
    assert refusal(lambda: enter(db, newcomer(db.study, "nothing"))) == (403, "unknown")


def test_a_link_brings_one_rater_back_and_signs_the_old_browser_out(db):
    rater, old = new_rater(db)
    store_rating(db, rater, answer(upcoming(db, rater, 1)[0].id))
    again, new = enter(db, newcomer(db.study, make_invites(db, 1, rater=rater)[0]))
    assert again == rater
    assert rater_of(db, old) is None
    assert rater_of(db, new).done == 1


def test_a_closed_study_takes_no_score_and_nobody_new_but_confirms_what_it_has(db):
    rater, _ = new_rater(db)
    first, second = upcoming(db, rater, 2)
    store_rating(db, rater, answer(first.id, 2))
    set_closed(db, True)
    store_rating(db, rater, answer(first.id, 2))
    assert refusal(lambda: store_rating(db, rater, answer(second.id))) == (403, "closed")
    assert refusal(lambda: enter(db, newcomer(db.study, make_invites(db, 1)[0]))) == (403, "closed")
    set_closed(db, False)
    store_rating(db, rater, answer(second.id))


def test_forget_removes_one_person_and_says_what_went(db):
    (gone, token), (stays, _) = new_rater(db), new_rater(db)
    rate_all(db, gone)
    rate_all(db, stays)
    make_invites(db, 1, rater=gone)
    n = len(db.study.stimuli)
    assert forget_rater(db, gone) == {"ratings": n, "presentations": n, "invites": 2, "raters": 1}
    assert {row["rater"] for row in rating_rows(db)} == {stays}
    assert rater_of(db, token) is None
    with pytest.raises(InputError, match="no rater called"):
        forget_rater(db, gone)


def test_an_answer_that_comes_while_its_rater_is_forgotten_waits_and_is_refused(db):
    rater, _ = new_rater(db)
    due = upcoming(db, rater, 1)[0]
    with ThreadPoolExecutor(1) as pool:
        sent = []

        def send(*about: object) -> None:
            if str(about[2]).startswith("DELETE FROM presentations") and not sent:
                sent.append(pool.submit(store_rating, db, rater, answer(due.id)))
                wait(sent, timeout=0.5)

        event.listen(db._engine, "before_cursor_execute", send)
        assert forget_rater(db, rater)["presentations"] == len(db.study.stimuli)
        assert refusal(sent[0].result) == (404, "no such presentation")
    assert rating_rows(db) == []


def test_a_database_belongs_to_one_study(db, tmp_path, database_url):
    other = make_study(tmp_path / "other", settings=Settings(title="another"))
    with pytest.raises(InputError, match="a database of its own"):
        bind_database(other, database_url)


def test_what_was_stored_comes_back_to_the_last_digit(db):
    rater, _ = new_rater(db)
    store_rating(db, rater, answer(upcoming(db, rater, 1)[0].id, 3))
    row = rating_rows(db)[0]
    assert (row["seconds"], row["device_pixel_ratio"], row["shown_at"]) == (
        1.25,
        1.5,
        "2026-01-02T03:04:05.678Z",
    )
    assert (row["rect"], row["viewport"], row["visible"], row["fullscreen"]) == (
        "10 20 64 48",
        "1366x768",
        True,
        False,
    )


def test_sqlite_is_opened_so_that_an_acknowledged_rating_survives_a_power_cut(tmp_path):
    db = bind_database(make_study(tmp_path), f"sqlite:///{tmp_path / 'durable.db'}")
    with db.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    db.close()


def test_opening_a_study_again_leaves_the_locks_of_the_one_that_is_open(tmp_path):
    """Else another process takes itself for the last one and deletes the log under the server."""
    make_study(tmp_path)
    server = open_database(tmp_path / "study")
    rater, _ = new_rater(server)
    file = tmp_path / "study" / "study.db"
    log = os.stat(f"{file}-wal").st_ino
    open_database(tmp_path / "study").close()  # in the same process, as the server's pages do
    assert _rated_as_another_process_sees_it(file) == 0
    assert os.stat(f"{file}-wal").st_ino == log
    store_rating(server, rater, answer(upcoming(server, rater, 1)[0].id))
    assert _rated_as_another_process_sees_it(file) == 1
    server.close()


def _rated_as_another_process_sees_it(file: Path) -> int:
    look = (
        "import sqlite3, sys\n"
        "file = sqlite3.connect(sys.argv[1])\n"
        "print(file.execute('SELECT count(*) FROM ratings').fetchone()[0])\n"
        "file.close()\n"
    )
    return int(subprocess.run([sys.executable, "-c", look, file], capture_output=True, check=True).stdout)
