"""PostgreSQL with few round trips: how many, what becomes of lost connections and of the server's errors."""

import fcntl
import os
import socket
from collections.abc import Callable, Iterator

import pytest
from pg8000.core import CoreConnection
from sqlalchemy import create_engine, event, insert
from sqlalchemy.exc import IntegrityError
from studies import answer, make_study, new_rater

from mos_app.store import postgres, tables
from mos_app.store.connection import Database, bind_database
from mos_app.store.raters import rater_of
from mos_app.store.ratings import pictures_of, rating_rows, store_rating, upcoming


@pytest.fixture
def db(tmp_path, postgres_url) -> Iterator[Database]:
    database = bind_database(make_study(tmp_path), postgres_url)
    yield database
    database.close()


@pytest.fixture
def trips(monkeypatch) -> Callable[[Callable[[], object]], int]:
    """Counts how often a call waits for the server."""
    counted = [0]
    wait = CoreConnection.handle_messages

    def counting(connection: CoreConnection, context: object) -> None:
        counted[0] += 1
        wait(connection, context)

    monkeypatch.setattr(CoreConnection, "handle_messages", counting)

    def count(call: Callable[[], object]) -> int:
        before = counted[0]
        call()
        return counted[0] - before

    return count


def test_a_picture_and_its_rating_take_three_round_trips(db, trips):
    rater, token = new_rater(db)
    first, second = upcoming(db, rater, 2)
    pictures_of(db, token, first.id, 12)
    store_rating(db, rater, answer(first.id))  # from here on the statements are prepared
    rater_of(db, token)
    assert trips(lambda: pictures_of(db, token, second.id, 12)) == 1
    assert trips(lambda: rater_of(db, token)) == 1
    assert trips(lambda: store_rating(db, rater, answer(second.id))) == 1
    assert [row["position"] for row in rating_rows(db)] == [0, 1]


def test_a_newcomers_order_is_stored_before_the_lock_that_others_wait_for(db):
    told: list[str] = []
    event.listen(db._engine, "before_cursor_execute", lambda *about: told.append(about[2]))
    new_rater(db)
    first = {
        part: next(i for i, sql in enumerate(told) if part in sql)
        for part in ("INTO presentations", "FOR UPDATE", "SET session_hash")
    }
    assert first["INTO presentations"] < first["FOR UPDATE"] < first["SET session_hash"]


def test_connections_that_the_server_has_ended_are_replaced_before_anybody_notices(db, postgres_url):
    rater, token = new_rater(db)
    server = create_engine(postgres_url.replace("://", "+pg8000://"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        ended = connection.exec_driver_sql(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).scalar_one()
    server.dispose()
    assert ended >= 2
    store_rating(db, rater, answer(upcoming(db, rater, 1)[0].id))
    assert rater_of(db, token).done == 1


def test_a_server_with_more_than_1024_open_files_still_knows_lost_connections(db):
    with db._engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert not driver.is_lost()
        ours, theirs = socket.socketpair()
        with ours, theirs, os.fdopen(fcntl.fcntl(ours, fcntl.F_DUPFD, 1500), "rb") as high:
            there, driver._usock = driver._usock, high
            try:
                assert not driver.is_lost()
                theirs.close()
                assert driver.is_lost()
            finally:
                driver._usock = there


def test_more_statements_than_are_kept_prepared_still_run(db, monkeypatch):
    monkeypatch.setattr(postgres, "KEPT_STATEMENTS", 0)
    rater, token = new_rater(db)
    store_rating(db, rater, answer(upcoming(db, rater, 1)[0].id, 4))
    assert [row["score"] for row in rating_rows(db)] == [4]
    assert rater_of(db, token).done == 1


def test_a_key_that_is_there_already_is_an_integrity_error_and_leaves_the_connection_usable(db):
    row = {"fingerprint": db.study.fingerprint, "name": "again", "entered": 0}
    with pytest.raises(IntegrityError), db.writing() as connection:
        connection.execute(insert(tables.study).values(row))
    with db.writing() as connection:
        connection.execute(insert(tables.study).values({**row, "fingerprint": "another"}))
