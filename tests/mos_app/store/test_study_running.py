"""A study that runs for a month: edits and their log, pauses, panels, links, the admin's door."""

import json
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import msgspec
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from studies import answer, make_study, new_rater, newcomer, rate_all, refusal

from mos_app.store import raters, tables
from mos_app.store.admin import FREE_ATTEMPTS, is_signed_in, sign_in, sign_out
from mos_app.store.codes import client_of, password_hash
from mos_app.store.connection import bind_database
from mos_app.store.exchange import export, ratings_frame
from mos_app.store.importing import import_ratings
from mos_app.store.invites import invite_rows, invite_state, make_invites, revoke_invite
from mos_app.store.raters import (
    Newcomer,
    come_back,
    comes_back_at_once,
    enter,
    leave,
    rater_of,
    rater_rows,
    release_places,
    save_check,
)
from mos_app.store.ratings import hourly_counts, rating_rows, score_counts, store_rating, upcoming
from mos_app.store.state import change_rows, edit_study, set_admin_hash, set_closed, set_paused, standing
from mos_app.study.definition import Settings, load
from mos_app.study.validity import is_within
from mos_app.study.words import consent_text, consent_version
from sr_models.data.errors import InputError


@pytest.fixture
def db(tmp_path, database_url):
    opened = bind_database(make_study(tmp_path, settings=Settings(raters=3, break_every=0)), database_url)
    yield opened
    opened.close()


# -- entering ----------------------------------------------------------------------------------


def test_an_entry_sent_twice_at_once_lets_its_person_in_and_takes_the_link_once(db, monkeypatch):
    """The second one finds the link used: by itself."""
    person = newcomer(db.study, make_invites(db, 1)[0])
    admit, first = raters._admit, []

    def after_the_first(*arguments):
        if not first:
            first.append(())  # so that the entry inside goes straight through
            first[0] = enter(db, person)
        return admit(*arguments)

    monkeypatch.setattr(raters, "_admit", after_the_first)
    assert enter(db, person) == first[0]
    assert len(rater_rows(db)) == 1


@pytest.mark.parametrize("panel", [None, "5f00"])
def test_one_person_who_enters_eight_times_at_once_is_one_rater_with_one_order(db, panel):
    """By the same nonce; by the same panel id in eight browsers."""
    code = make_invites(db, 1, reusable=True)[0]
    nonces = [f"{i:032x}" for i in range(8)] if panel else ["a" * 32] * 8
    people = [newcomer(db.study, code, nonce, panel=panel) for nonce in nonces]
    start = threading.Barrier(8)

    def come(person: Newcomer) -> str:
        start.wait()
        return enter(db, person)[0]

    with ThreadPoolExecutor(8) as pool:
        (rater,) = set(pool.map(come, people))
    with db.reading() as connection:
        stored = connection.execute(select(tables.presentations.c.rater)).scalars().all()
    assert [row["id"] for row in rater_rows(db)] == [rater]
    assert stored == [rater] * 12


def test_entering_again_with_the_same_nonce_is_the_same_person_and_one_place(db):
    person = newcomer(db.study, make_invites(db, 1)[0])
    assert enter(db, person) == enter(db, person)
    assert len(rater_rows(db)) == 1


def test_a_used_link_brings_its_own_person_back_and_nobody_else(db):
    code = make_invites(db, 1)[0]
    rater, token = enter(db, newcomer(db.study, code))
    assert comes_back_at_once(db, code)
    assert come_back(db, code, "b" * 32, None)[0] == rater
    assert rater_of(db, token) is None  # one session a person
    again, token = come_back(db, code, "c" * 32, f" {rater.upper()} ")
    assert again == rater
    leave(db, token)
    assert rater_of(db, token) is None
    assert not comes_back_at_once(db, code)  # the next person may hold the same computer
    assert refusal(lambda: come_back(db, code, "d" * 32, None)) == (403, "name")
    other, _ = enter(db, newcomer(db.study, make_invites(db, 1)[0]))
    assert refusal(lambda: come_back(db, code, "d" * 32, other)) == (403, "name")
    with db.writing() as connection:
        connection.execute(update(tables.invites).values(used_at="2026-01-01T00:00:00.000Z"))
    assert come_back(db, code, "d" * 32, rater)[0] == rater


def test_another_consent_text_than_the_studys_is_refused(db):
    code = make_invites(db, 1)[0]
    wrong = Newcomer(code, "0" * 12, "en", "a" * 32)
    assert refusal(lambda: enter(db, wrong)) == (409, "consent")
    assert invite_state(db, code) == "open"
    edit_study(db, {"texts": {"en.consent": "Another text."}})
    assert refusal(lambda: enter(db, newcomer(db.study, code))) == (409, "consent")
    now = consent_version(db.study, "en", standing(db).settings)
    rater, _ = enter(db, Newcomer(code, now, "en", "a" * 32))
    assert rater_rows(db)[0]["consent_version"] == now
    assert rater == rater_rows(db)[0]["id"]


def test_the_consent_text_is_frozen_with_the_study(tmp_path, monkeypatch):
    study = make_study(tmp_path)
    before = consent_text(study, "en")
    monkeypatch.setattr("mos_app.study.words.words", lambda _language: {"consent": "newer words"})
    assert consent_text(load(tmp_path / "study"), "en") == before


# -- panels ------------------------------------------------------------------------------------


def test_a_panels_id_enters_once_and_comes_back_as_the_same_person(db):
    code = make_invites(db, 1, reusable=True)[0]
    ids = {"panel": "5f00", "panel_study": "st1", "panel_session": "se1"}
    rater, _ = enter(db, newcomer(db.study, code, **ids))
    again, token = enter(db, newcomer(db.study, code, **ids))
    assert again == rater == rater_of(db, token).id
    row = rater_rows(db)[0]
    assert [row[name] for name in ids] == ["5f00", "st1", "se1"]
    assert len(rater_rows(db)) == 1


def test_a_panels_id_is_refused_the_second_time_where_the_study_says_so(tmp_path):
    study = make_study(tmp_path, settings=Settings(break_every=0, panel_again="refuse"))
    db = bind_database(study, f"sqlite:///{tmp_path / 'a.db'}")
    code = make_invites(db, 1, reusable=True)[0]
    enter(db, newcomer(study, code, panel="p1"))
    assert refusal(lambda: enter(db, newcomer(study, code, panel="p1"))) == (403, "again")
    enter(db, newcomer(study, code, panel="p2"))
    db.close()


# -- edits -------------------------------------------------------------------------------------


def test_an_edit_holds_at_once_and_the_log_says_who_changed_what(db):
    assert edit_study(db, {"contact": "lab@example.org", "raters": 5}, who="ada") == ["contact", "raters"]
    assert edit_study(db, {"contact": "lab@example.org"}, who="ada") == []
    settings = standing(db).settings
    assert (settings.contact, settings.raters) == ("lab@example.org", 5)
    told = [(row["who"], row["what"], row["before"], row["after"]) for row in change_rows(db)]
    assert told == [("ada", "contact", "", "lab@example.org"), ("ada", "raters", "3", "5")]
    assert edit_study(db, {"contact": None}, who="bob") == ["contact"]
    assert standing(db).settings.contact is None


@pytest.mark.parametrize(
    "name", ["method", "labels", "seed", "repeat_share", "break_every", "completion_code"]
)
def test_what_ratings_depend_on_stays_frozen(db, name):
    with pytest.raises(InputError, match=f"{name} is frozen"):
        edit_study(db, {name: 1})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"raters": 0}, "at least 1 person"),
        ({"raters": "many"}, "cannot be read"),
        ({"completion_url": "javascript:alert(1)"}, "whole address"),
        ({"completion_url": "/done"}, "whole address"),
        ({"screen_out_url": "https://"}, "whole address"),
        ({"hours": "9-18"}, "09:00-18:00"),
        ({"hours": "09:00-18:00 Europe/Nowhere"}, "no time zone"),
        ({"texts": {"en.nothing": "x"}}, "no sentence called"),
        ({"texts": {"fr.agree": "x"}}, "a text of en or zh"),
        ({"texts": {"en.agree": "{rater}"}}, "nothing fills"),
        ({"texts": {"en.agree": "  "}}, "1 to 4000 characters"),
    ],
)
def test_an_edit_that_cannot_be_meant_changes_nothing(db, changes, told):
    with pytest.raises(InputError, match=told):
        edit_study(db, {"contact": "x", **changes})
    assert standing(db).settings == db.study.settings
    assert change_rows(db) == []


def test_a_pause_and_closed_hours_let_nobody_in_and_store_what_is_on_its_way(db):
    rater, _ = new_rater(db)
    set_paused(db, True)
    code = make_invites(db, 1)[0]
    assert refusal(lambda: enter(db, newcomer(db.study, code))) == (403, "paused")
    store_rating(db, rater, answer(upcoming(db, rater, 1)[0].id))
    set_paused(db, False)
    hour = datetime.now(UTC).hour
    edit_study(db, {"hours": f"{(hour + 2) % 24:02d}:00-{(hour + 3) % 24:02d}:00 UTC"})
    assert refusal(lambda: enter(db, newcomer(db.study, code))) == (403, "hours")
    edit_study(db, {"hours": None})
    enter(db, newcomer(db.study, code))
    assert [row["what"] for row in change_rows(db)] == ["paused", "resumed", "hours", "hours"]


def test_opening_hours_are_in_their_own_zone_and_may_pass_midnight():
    noon = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    assert is_within("09:00-18:00 Europe/Berlin", noon)
    assert not is_within("09:00-18:00 Asia/Tokyo", noon)
    assert is_within("20:00-02:00 Asia/Tokyo", noon)
    assert not is_within("14:01-14:00 Europe/Berlin", noon.replace(minute=0))


def test_a_dropouts_place_goes_to_somebody_else_and_their_ratings_stay(db):
    (one, token), _, _ = (new_rater(db) for _ in range(3))
    store_rating(db, one, answer(upcoming(db, one, 1)[0].id))
    code = make_invites(db, 1)[0]
    assert refusal(lambda: enter(db, newcomer(db.study, code))) == (403, "full")
    assert release_places(db, [one]) == [one]
    assert release_places(db, [one]) == []
    enter(db, newcomer(db.study, code))
    assert len(rating_rows(db)) == 1
    store_rating(db, one, answer(upcoming(db, one, 1)[0].id))
    assert rater_of(db, token).done == 2
    assert release_places(db, idle_days=1) == []


def test_a_study_frozen_before_these_settings_existed_keeps_its_fingerprint(tmp_path):
    import hashlib

    study = make_study(tmp_path)
    plain = json.loads((tmp_path / "study" / "study.json").read_text())
    for name in ("consents", "later"):
        del plain[name]
    for name in ("panel_again", "touch", "checks", "screen_out_code", "screen_out_url", "hours", "texts"):
        del plain["settings"][name]
    (tmp_path / "study" / "study.json").write_text(json.dumps(plain))
    assert load(tmp_path / "study").fingerprint == hashlib.sha256(msgspec.json.encode(plain)).hexdigest()
    assert study.fingerprint != load(tmp_path / "study").fingerprint  # the consent text is part of a new one


# -- the admin's door --------------------------------------------------------------------------


def test_guessing_locks_out_the_guesser_and_not_the_owner(db):
    set_admin_hash(db, password_hash("correct horse battery"))
    for _ in range(FREE_ATTEMPTS):
        assert sign_in(db, "guess", "10.0.0.9") == 0.0
    waits = sign_in(db, "guess", "10.0.0.9")
    assert 0 < waits <= 2
    assert sign_in(db, "correct horse battery", "10.0.0.9") == pytest.approx(
        waits, abs=1.0
    )  # not even with it
    token = sign_in(db, "correct horse battery", "10.0.0.1")
    assert isinstance(token, str)
    assert is_signed_in(db, token)
    with db.writing() as connection:
        kept = connection.execute(select(tables.attempts)).mappings().all()
        assert "10.0.0" not in str(kept)
        connection.execute(update(tables.attempts).values(failures=30))
    assert 800 < sign_in(db, "guess", "10.0.0.9") <= 900


def test_guessing_from_all_addresses_of_one_ipv6_network_is_one_guesser(db):
    set_admin_hash(db, password_hash("correct horse battery"))
    for number in range(FREE_ATTEMPTS):
        assert sign_in(db, "guess", f"2001:db8:1:2::{number}") == 0.0
    assert sign_in(db, "guess", "2001:db8:1:2:ffff::1") > 0
    assert isinstance(sign_in(db, "correct horse battery", "2001:db8:1:3::1"), str)


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("this computer", "this computer"),
    ],
)
def test_limits_count_an_ipv4_address_and_an_ipv6_network_as_one_client(address, client):
    assert client_of(address) == client


def test_an_admins_session_ends_by_signing_out_by_time_and_by_a_new_password(db):
    set_admin_hash(db, password_hash("correct horse battery"))
    first, second, third = (str(sign_in(db, "correct horse battery", "a")) for _ in range(3))
    sign_out(db, first)
    assert [is_signed_in(db, token) for token in (first, second, "x", None)] == [False, True, False, False]
    set_admin_hash(db, password_hash("another password"))
    assert not is_signed_in(db, second)
    assert not is_signed_in(db, third)
    fourth = str(sign_in(db, "another password", "a"))
    with db.writing() as connection:
        connection.execute(update(tables.admin_sessions).values(expires_at="2026-01-01T00:00:00.000Z"))
    assert not is_signed_in(db, fourth)


def test_links_have_labels_and_numbers_and_can_be_revoked(db):
    code, other = make_invites(db, 2, label="lab A")
    numbers = [row["number"] for row in invite_rows(db)]
    assert {row["label"] for row in invite_rows(db)} == {"lab A"}
    assert code not in str(invite_rows(db))
    rater, token = enter(db, newcomer(db.study, other))
    for number in numbers:
        revoke_invite(db, number)
    assert refusal(lambda: enter(db, newcomer(db.study, code))) == (403, "revoked")
    assert refusal(lambda: come_back(db, other, "e" * 32, rater)) == (403, "revoked")
    assert rater_of(db, token).id == rater  # who is under way goes on
    for bad in (numbers[0], "zzzzzzzz", "%%%%%%%%"):
        with pytest.raises(InputError, match="number"):
            revoke_invite(db, bad)


def test_the_live_picture_is_counted_by_the_database(db):
    rater, _ = new_rater(db)
    assert score_counts(db) == {}
    for score in (1, 5, 5):
        store_rating(db, rater, answer(upcoming(db, rater, 1)[0].id, score))
    assert score_counts(db) == {1: 1, 5: 2}
    assert hourly_counts(db, "2026-01-01T00:00:00.000Z") == {rating_rows(db)[0]["stored_at"][:13]: 3}
    assert hourly_counts(db, "2999-01-01T00:00:00.000Z") == {}


# -- files -------------------------------------------------------------------------------------


def test_only_the_owner_reads_the_database_its_log_and_exports(tmp_path):
    os.umask(0o022)
    db = bind_database(make_study(tmp_path), f"sqlite:///{tmp_path / 'study' / 'study.db'}")
    rater, _ = new_rater(db)
    rate_all(db, rater)
    paths = [*export(db, tmp_path / "out"), *(tmp_path / "study").glob("study.db*")]
    assert {path.name for path in paths} >= {"study.db", "study.db-wal", "study.db-shm", "ratings.csv"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    db.close()


def test_an_error_of_the_database_names_no_parameter(db):
    with pytest.raises(DBAPIError) as caught, db.writing() as connection:
        connection.execute(text("SELECT nothing FROM nowhere WHERE a = :secret"), {"secret": "abcdsecret"})
    assert "abcdsecret" not in str(caught.value)


def test_an_import_brings_the_people_along(tmp_path):
    study = make_study(tmp_path)
    db = bind_database(study, f"sqlite:///{tmp_path / 'a.db'}")
    rater, _ = enter(db, newcomer(study, make_invites(db, 1)[0], panel="p-1", panel_session="s-1"))
    save_check(db, rater, {"zoom_percent": 200, "dark_steps": 2, "light_steps": 6, "touch": False})
    rate_all(db, rater)
    export(db, tmp_path / "out")
    other = bind_database(study, f"sqlite:///{tmp_path / 'b.db'}")
    assert import_ratings(other, tmp_path / "out" / "ratings.csv") == (1, 12)
    kept = ("id", "panel", "panel_session", "checked", "consent_version", "completion_code", "finished_at")
    assert [rater_rows(other)[0][name] for name in kept] == [rater_rows(db)[0][name] for name in kept]
    frame = ratings_frame(other)
    assert list(frame["position"]) == list(range(12))
    assert set(frame["viewing"]) == {"zoom 200 %; grey steps told apart 2 dark, 6 light of 6"}
    assert frame.equals(ratings_frame(db))
    db.close()
    other.close()


def test_closing_and_reopening_are_in_the_log(db):
    set_closed(db, True, who="ada")
    set_closed(db, True, who="ada")
    set_closed(db, False, who="ada")
    assert [row["what"] for row in change_rows(db)] == ["closed", "reopened"]
