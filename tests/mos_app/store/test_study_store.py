"""The store: one transaction a rating, idempotent, append-only; the same on SQLite and PostgreSQL."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from studies import answer, enter_message, make_study, new_rater, rate_all

from mos_app.store import tables
from mos_app.store.refusal import RefusedError
from mos_app.store.store import Store
from mos_app.study.definition import Settings
from sr_models.data.errors import InputError


@pytest.fixture
def store(tmp_path, database_url):
    opened = Store(make_study(tmp_path, settings=Settings(raters=4, break_every=0)), database_url)
    yield opened
    opened.close_connections()


def refusal(call) -> tuple[int, str]:
    with pytest.raises(RefusedError) as caught:
        call()
    return caught.value.status, caught.value.message


def test_a_resend_is_harmless_and_another_score_is_refused(store):
    rater, _ = new_rater(store)
    due = store.upcoming(rater, 1)[0]
    assert store.rate(rater, answer(due.id, 4))
    assert store.rate(rater, answer(due.id, 4))
    assert refusal(lambda: store.rate(rater, answer(due.id, 2))) == (409, "stored already with another score")
    assert [row["score"] for row in store.rating_rows()] == [4]


def test_only_the_presentation_now_due_is_taken(store):
    rater, _ = new_rater(store)
    first, second = store.upcoming(rater, 2)
    assert refusal(lambda: store.rate(rater, answer(second.id))) == (409, "not due yet")
    store.rate(rater, answer(first.id))
    store.rate(rater, answer(second.id))
    assert [row["position"] for row in store.rating_rows()] == [0, 1]


def test_nobody_rates_for_another(store):
    (one, _), (two, _) = new_rater(store), new_rater(store)
    foreign = store.upcoming(two, 1)[0]
    assert refusal(lambda: store.rate(one, answer(foreign.id)))[0] == 404
    assert store.rating_rows() == []


def test_twenty_threads_sending_the_same_answer_store_it_once(store):
    rater, _ = new_rater(store)
    due = store.upcoming(rater, 1)[0]
    start = threading.Barrier(20)

    def send(_: int) -> bool:
        start.wait()
        return store.rate(rater, answer(due.id, 3))

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(send, range(20)))
    assert len(store.rating_rows()) == 1
    assert store.rater_rows()[0]["done"] == 1


def test_threads_that_disagree_store_exactly_one_of_their_scores(store):
    rater, _ = new_rater(store)
    due = store.upcoming(rater, 1)[0]
    start = threading.Barrier(10)

    def send(score: int) -> str:
        start.wait()
        try:
            store.rate(rater, answer(due.id, score))
        except RefusedError as refused:
            return refused.message
        return f"stored {score}"

    with ThreadPoolExecutor(10) as pool:
        told = Counter(pool.map(send, [1, 2, 3, 4, 5] * 2))
    kept = store.rating_rows()[0]["score"]
    assert told == {f"stored {kept}": 2, "stored already with another score": 8}


def test_a_finished_rater_has_a_code_and_nothing_is_due(store):
    rater, token = new_rater(store)
    assert rate_all(store, rater) == len(store.study.stimuli)
    person = store.rater_of(token)
    assert person is not None
    assert person.finished
    assert len(person.completion_code or "") == 10
    assert store.upcoming(rater, 5) == []


def test_the_database_itself_refuses_to_change_a_rating(store):
    rater, _ = new_rater(store)
    store.rate(rater, answer(store.upcoming(rater, 1)[0].id, 5))
    with pytest.raises(DBAPIError, match="append-only"), store.writing() as connection:
        connection.execute(update(tables.ratings).values(score=1))
    assert store.rating_rows()[0]["score"] == 5


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(store):
    with store.reading() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), tables.metadata)
    assert differences == []


def test_an_invite_is_kept_only_as_a_hash_and_works_once(store):
    code = store.invite(1)[0]
    with store.reading() as connection:
        kept = connection.execute(select(tables.invites)).mappings().one()
    assert code not in str(dict(kept))
    store.enter(enter_message(store.study, code))
    assert store.invite_state(code) == "used"
    assert refusal(lambda: store.enter(enter_message(store.study, code))) == (403, "used")


def test_one_time_links_opened_at_once_let_one_person_in(store):
    code = store.invite(1)[0]
    start = threading.Barrier(8)

    def come(_: int) -> bool:
        start.wait()
        try:
            store.enter(enter_message(store.study, code))
        except RefusedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(come, range(8))) == 1
    assert len(store.rater_rows()) == 1


def test_people_who_come_at_once_get_numbers_of_their_own_and_the_quota_holds(store):
    codes = store.invite(10)
    start = threading.Barrier(10)

    def come(code: str) -> bool:
        start.wait()
        try:
            store.enter(enter_message(store.study, code))
        except RefusedError as refused:
            if refused.message != "full":
                raise
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(come, codes)) == 4
    assert [row["number"] for row in store.rater_rows()] == [0, 1, 2, 3]


def test_a_reusable_link_lets_many_in_and_an_expired_one_nobody(store):
    reusable = store.invite(1, reusable=True)[0]
    expired = store.invite(1, days=-1)[0]
    store.enter(enter_message(store.study, reusable))
    store.enter(enter_message(store.study, reusable))
    assert refusal(lambda: store.enter(enter_message(store.study, expired))) == (403, "expired")
    assert refusal(lambda: store.enter(enter_message(store.study, "nothing"))) == (403, "unknown")


def test_a_link_brings_one_rater_back_and_signs_the_old_browser_out(store):
    rater, old = new_rater(store)
    store.rate(rater, answer(store.upcoming(rater, 1)[0].id))
    again, new = store.enter(enter_message(store.study, store.invite(1, rater=rater)[0]))
    assert again == rater
    assert store.rater_of(old) is None
    assert store.rater_of(new).done == 1


def test_a_closed_study_takes_no_score_and_nobody_new_but_confirms_what_it_has(store):
    rater, _ = new_rater(store)
    first, second = store.upcoming(rater, 2)
    store.rate(rater, answer(first.id, 2))
    store.set_closed(True)
    assert store.rate(rater, answer(first.id, 2))
    assert refusal(lambda: store.rate(rater, answer(second.id))) == (403, "closed")
    assert refusal(lambda: store.enter(enter_message(store.study, store.invite(1)[0]))) == (403, "closed")
    store.set_closed(False)
    store.rate(rater, answer(second.id))


def test_forget_removes_one_person_and_says_what_went(store):
    (gone, token), (stays, _) = new_rater(store), new_rater(store)
    rate_all(store, gone)
    rate_all(store, stays)
    store.invite(1, rater=gone)
    n = len(store.study.stimuli)
    assert store.forget(gone) == {"ratings": n, "presentations": n, "invites": 1, "raters": 1}
    assert {row["rater"] for row in store.rating_rows()} == {stays}
    assert store.rater_of(token) is None
    with pytest.raises(InputError, match="no rater called"):
        store.forget(gone)


def test_a_database_belongs_to_one_study(store, tmp_path, database_url):
    other = make_study(tmp_path / "other", settings=Settings(title="another"))
    with pytest.raises(InputError, match="a database of its own"):
        Store(other, database_url)


def test_what_was_stored_comes_back_to_the_last_digit(store):
    rater, _ = new_rater(store)
    store.rate(rater, answer(store.upcoming(rater, 1)[0].id, 3))
    row = store.rating_rows()[0]
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
    store = Store(make_study(tmp_path), f"sqlite:///{tmp_path / 'durable.db'}")
    with store.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    store.close_connections()
