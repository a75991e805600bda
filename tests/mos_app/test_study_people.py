"""What people meet: words in both languages, flags, passwords, the admin page, where a rater stands."""

import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest
from studies import PASSWORD, SENTINELS, answer, make_study, new_rater, rate_all

import mos_app
from mos_app.screens.admin import SECTIONS
from mos_app.screens.asgi import SCRIPT
from mos_app.store import tables
from mos_app.store.codes import INVITE_CHARS, password_hash, password_matches, random_code, random_codes
from mos_app.store.connection import open_database
from mos_app.store.invites import invite_state, make_invites
from mos_app.store.raters import enter, forget_rater, rater_of, rater_rows, save_check, save_rest
from mos_app.store.ratings import store_rating, upcoming
from mos_app.store.state import set_admin_hash, set_closed
from mos_app.study.definition import Settings
from mos_app.study.stages import block_end, seconds_left, stage_of
from mos_app.study.words import consent_version, labels, words

SCREENS = Path(mos_app.__file__).parent / "web" / "pages"


def test_both_languages_have_the_same_sentences_with_the_same_gaps():
    english, chinese = words("en"), words("zh")
    assert english.keys() == chinese.keys()
    for name, sentence in english.items():
        assert set(re.findall(r"\{\w+\}", sentence)) == set(re.findall(r"\{\w+\}", chinese[name])), name
        assert chinese[name].strip()


def test_every_sentence_that_a_screen_asks_for_exists():
    asked = {
        name
        for path in SCREENS.glob("*.js")
        for name in re.findall(r"\bw\.(\w+)", path.read_text())
        + re.findall(r"words\.(\w+)", path.read_text())
    }
    assert asked
    assert asked <= words("en").keys()


def test_every_sentence_is_used_somewhere():
    used = "".join(path.read_text() for path in SCREENS.glob("*.js"))
    families = (
        "labels_",
        "step_",
        "notice_",
        "welcome_what_",
        "instructions_",
        "question_",
        "language_name",
        "consent",
    )
    kinds = ("elsewhere", "signed_out", "saved", "saving", "offline")
    unused = [
        name for name in words("en") if not name.startswith((*families, *kinds)) and f".{name}" not in used
    ]
    assert unused == []


def test_labels_have_one_word_a_score(tmp_path):
    for method, count in (("acr", 5), ("dcr", 5), ("pairs", 2)):
        study = make_study(tmp_path / method, settings=Settings(method=method))
        assert len(labels(study, "en")) == len(labels(study, "zh")) == count
    own = make_study(tmp_path / "own", settings=Settings(labels=("1", "2", "3", "4", "5"), consent="Yes."))
    assert labels(own, "zh") == ["1", "2", "3", "4", "5"]
    assert consent_version(own, "en") == consent_version(own, "zh") != consent_version(study, "en")


def test_no_module_of_ours_hides_one_of_pythons():
    """Streamlit puts the folder of its script first on sys.path."""
    ours = {path.stem for path in SCRIPT.parent.iterdir()}
    assert not ours & sys.stdlib_module_names - {"__init__", "__main__"}


def test_every_letter_of_a_code_is_as_likely_as_any_other(monkeypatch):
    """Bytes that would come out unevenly are drawn again."""
    monkeypatch.setattr("secrets.token_bytes", lambda count: bytes(i % 256 for i in range(count)))
    counts = Counter("".join(random_codes(100, 31 * 8)))
    assert len(counts) == 31
    assert max(counts.values()) - min(counts.values()) <= 2  # of 800; the last draw is cut off


def test_passwords_are_kept_as_argon2_and_codes_do_not_repeat():
    kept = password_hash(PASSWORD)
    assert kept.startswith("$argon2id$")
    assert password_matches(PASSWORD, kept)
    assert not password_matches(PASSWORD + " ", kept)
    assert not password_matches(PASSWORD, "nonsense")
    codes = {random_code(INVITE_CHARS) for _ in range(1000)}
    assert len(codes) == 1000
    assert all(len(code) == 26 for code in codes)


def test_the_estimate_follows_the_raters_own_pace():
    assert seconds_left(0, 100, []) == pytest.approx(100 * (3.5 + 0.7))
    assert seconds_left(90, 100, [2.0] * 20 + [60.0]) == pytest.approx(10 * 2.7)


def test_a_rater_goes_from_check_to_thanks_with_a_screen_between_blocks(tmp_path):
    make_study(tmp_path, settings=Settings(break_every=5), calibration=2)
    db = open_database(tmp_path / "study")
    from studies import CHECKED, newcomer

    rater, token = enter(db, newcomer(db.study, make_invites(db, 1)[0]))
    seen = []
    while (stage := stage_of(rater_of(db, token), db.study)) != "thanks":
        person = rater_of(db, token)
        seen.append((stage, person.done))
        if stage == "check":
            save_check(db, rater, CHECKED)
        elif stage == "rate":
            assert block_end(person, db.study) > person.done
            store_rating(db, rater, answer(upcoming(db, rater, 1)[0].id))
        else:
            save_rest(db, rater, person.done)
    screens = [entry for entry in seen if entry[0] != "rate"]
    assert screens == [("check", 0), ("instructions", 0), ("ready", 4), ("break", 9), ("break", 14)]
    assert len(seen) == len(screens) + 16
    db.close()


@pytest.fixture
def admin(tmp_path):
    """The admin page of a study with one finished rater, and its store."""
    make_study(tmp_path, settings=Settings(break_every=0, title="Which looks better?"))
    db = open_database(tmp_path / "study")
    set_admin_hash(db, password_hash(PASSWORD))
    rate_all(db, new_rater(db)[0], 4)
    script = "from mos_app.screens import admin\nadmin.show()\n"
    page = AppTest.from_string(script, default_timeout=120)
    page.secrets["srmos"] = {"folder": str(tmp_path / "study"), "database": db.url}
    import streamlit as st

    st.cache_resource.clear()
    st.cache_data.clear()
    yield page, db
    st.cache_resource.clear()
    db.close()


def sign_in(page: AppTest, password: str) -> AppTest:
    page.run()
    page.text_input[0].input(password)
    return page.button[0].click().run()


def go_to(page: AppTest, section: str) -> AppTest:
    return page.segmented_control[0].set_value(section).run()


def everything(page: AppTest) -> str:
    return str(page.main)


def test_the_admin_page_shows_nothing_without_the_password(admin):
    page, db = admin
    sign_in(page, "wrong password")
    assert [error.value for error in page.error] == ["That is not the password."]
    assert rater_rows(db)[0]["id"] not in everything(page)
    assert not page.metric


def test_guessing_the_admin_password_is_slowed_down(admin):
    page, db = admin
    sign_in(page, "guess")
    with db.writing() as connection:
        connection.execute(update(tables.attempts).values(failures=12))
    sign_in(page, PASSWORD)
    assert [error.value for error in page.error] == ["Too many attempts from here. Please wait 4 min."]
    assert not page.metric


def test_the_admin_sees_progress_but_no_method_before_the_study_is_closed(admin):
    page, db = admin
    sign_in(page, PASSWORD)
    assert not page.exception
    flags = page.dataframe[0].value["flags"].tolist()
    assert flags == ["one score in 100% of votes; 92% of answers under 0.7 s"]  # stored without looking
    assert page.expander[0].label == "What was flagged (1)"
    assert page.table[0].value["flags"].tolist() == flags
    assert {metric.label: metric.value for metric in page.metric} == {
        "Raters": "1",
        "Finished": "1",
        "Ratings": "12",
        "Unused links": "0",
    }
    assert not any(name in everything(page) for name in SENTINELS[:3])
    set_closed(db, True)
    go_to(page, "Results")
    assert not page.exception
    shown = " ".join(str(frame.value) for frame in page.dataframe)
    assert all(name in shown for name in SENTINELS[:3])


def test_results_of_a_study_without_ratings_say_so(admin):
    page, db = admin
    forget_rater(db, rater_rows(db)[0]["id"])
    set_closed(db, True)
    sign_in(page, PASSWORD)
    go_to(page, "Results")
    assert not page.exception
    assert page.info[0].value.startswith("No results yet")


def test_no_section_of_the_admin_page_reads_the_ratings_in_the_raters_server(admin, monkeypatch):
    def read(*_: object) -> None:
        raise AssertionError("the server reads every rating")

    for name in ("exchange.ratings_frame", "exchange.rating_chunks", "ratings.rating_chunks"):
        monkeypatch.setattr(f"mos_app.store.{name}", read)
    page, db = admin
    set_closed(db, True)
    sign_in(page, PASSWORD)
    for section in SECTIONS:
        go_to(page, section)
        assert not page.exception, section
    assert page.segmented_control[0].value == "Files"


def test_results_are_shown_early_only_when_asked(admin):
    page, _ = admin
    sign_in(page, PASSWORD)
    go_to(page, "Results")
    asked = next(toggle for toggle in page.toggle if "all the same" in toggle.label)
    asked.set_value(True).run()
    assert SENTINELS[0] in " ".join(str(frame.value) for frame in page.dataframe)


def test_links_made_on_the_admin_page_work(admin):
    page, db = admin
    sign_in(page, PASSWORD)
    go_to(page, "Links")
    next(button for button in page.button if button.label == "Make links").click().run()
    links = page.code[0].value.splitlines()
    assert len(links) == 5
    assert all(invite_state(db, link.partition("invite=")[2]) == "open" for link in links)
