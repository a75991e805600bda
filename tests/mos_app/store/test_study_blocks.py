"""A further block of pictures: who sees it when, and what is refused."""

import errno
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from studies import answer, make_study, new_rater, rate_all, write_run

from mos_app.cli import main
from mos_app.store import blocks, ratings
from mos_app.store.blocks import add_block
from mos_app.store.connection import bind_database, open_database
from mos_app.store.exchange import ratings_frame
from mos_app.store.raters import rater_of, rater_rows, with_new_blocks
from mos_app.store.ratings import store_rating, upcoming
from mos_app.store.state import change_rows, set_closed, standing
from mos_app.study.definition import Settings, load
from mos_app.study.sources import Version, versions_in_run
from mos_app.study.stages import stage_of
from mos_app.web.routes import RatingRoutes
from sr_models.data.errors import InputError


def more_of(folder: Path, *, dataset: str = "More", **run: object) -> list[Version]:
    """Two further pictures of the methods of `make_study`."""
    write_run(folder / dataset, sizes=((40, 40), (44, 40)), dataset=dataset, **run)
    return versions_in_run(folder / dataset)


def test_a_second_block_follows_for_everybody_at_once_and_the_first_stays_as_it_was(tmp_path, database_url):
    study = make_study(tmp_path, settings=Settings(break_every=0))
    db = bind_database(study, database_url, folder=tmp_path / "study")
    finished, token = new_rater(db)
    rate_all(db, finished)
    code = rater_rows(db)[0]["completion_code"]
    half, half_token = new_rater(db)
    store_rating(db, half, answer(upcoming(db, half, 1)[0].id))
    order = [item.id for item in upcoming(db, half, 100)]
    grown = add_block(db, tmp_path / "study", more_of(tmp_path), who="ada")
    assert grown.fingerprint == study.fingerprint == load(tmp_path / "study").fingerprint
    assert db.study == grown  # without opening it anew
    log = change_rows(db)[-1]
    assert (log["who"], log["what"], log["after"]) == ("ada", "block 2", "2 pictures in 8 versions")
    person = with_new_blocks(db, rater_of(db, half_token))
    assert (person.total, person.blocks) == (12 + 8, 2)
    now = upcoming(db, half, 100)
    assert [item.id for item in now][:11] == order
    assert {item.stimulus for item in now[11:]} == {item.id for item in grown.later[0].stimuli}
    assert with_new_blocks(db, person) == person
    fresh, fresh_token = new_rater(db)
    assert [item.stimulus[0] for item in upcoming(db, fresh, 100)] == ["s"] * 12 + ["x"] * 8
    back = with_new_blocks(db, rater_of(db, token))
    assert stage_of(back, grown) == "more"
    assert not back.finished
    assert rate_all(db, finished) == 8
    assert rater_rows(db)[0]["completion_code"] == code
    assert rate_all(db, fresh) == 20
    assert rater_of(db, fresh_token).finished
    assert set(ratings_frame(db)["dataset"]) == {"Demo", "More"}
    db.close()


def test_a_block_that_comes_with_a_raters_last_answer_is_still_rated(tmp_path, postgres_url, monkeypatch):
    db = bind_database(make_study(tmp_path), postgres_url, folder=tmp_path / "study")
    rater, token = new_rater(db)
    for _ in range(11):
        store_rating(db, rater, answer(upcoming(db, rater, 1)[0].id))
    add_block(db, tmp_path / "study", more_of(tmp_path))
    move_on = ratings._move_on

    def then_the_block_comes(*about: object) -> object:
        statement = move_on(*about)
        with_new_blocks(db, rater_of(db, token))
        return statement

    monkeypatch.setattr(ratings, "_move_on", then_the_block_comes)
    store_rating(db, rater, answer(upcoming(db, rater, 1)[0].id))
    monkeypatch.undo()
    assert not rater_of(db, token).finished
    assert rate_all(db, rater) == 8
    assert rater_of(db, token).finished
    db.close()


def test_a_block_in_a_closed_study_takes_nobodys_end_away(tmp_path):
    make_study(tmp_path)
    db = open_database(tmp_path / "study")
    rater, token = new_rater(db)
    rate_all(db, rater)
    add_block(db, tmp_path / "study", more_of(tmp_path))
    set_closed(db, True)
    routes = RatingRoutes(db, tmp_path / "study")
    assert routes._state_of(token)["stage"] == "thanks"
    assert rater_of(db, token).finished
    set_closed(db, False)
    assert routes._state_of(token)["total"] == 20
    assert not rater_of(db, token).finished
    db.close()


def test_a_block_brings_new_pictures_of_the_same_methods(tmp_path):
    make_study(tmp_path)
    db = open_database(tmp_path / "study")
    with pytest.raises(InputError, match="in the study already"):
        add_block(db, tmp_path / "study", versions_in_run(tmp_path / "run"))
    with pytest.raises(InputError, match="methods of the study"):
        add_block(db, tmp_path / "study", more_of(tmp_path, methods=("quokka-net", "hr")))
    assert (db.study.blocks, change_rows(db)) == (1, [])
    db.close()


def test_of_two_blocks_at_once_one_is_added_and_the_other_told(tmp_path, monkeypatch):
    make_study(tmp_path)
    db, folder = open_database(tmp_path / "study"), tmp_path / "study"
    first, second = more_of(tmp_path), more_of(tmp_path, dataset="Others")
    read = blocks.grown_by

    def slowly(*about: object, **how: object) -> object:
        monkeypatch.setattr(blocks, "grown_by", read)
        grown = read(*about, **how)
        add_block(db, folder, second)
        return grown

    monkeypatch.setattr(blocks, "grown_by", slowly)
    with pytest.raises(InputError, match="another block was added in the meantime"):
        add_block(db, folder, first)
    assert [item.dataset for item in db.study.later[0].stimuli] == ["Others"] * 8
    assert [row["what"] for row in change_rows(db)] == ["block 2"]
    db.close()


def test_two_blocks_that_are_written_at_once_wait_for_one_another(tmp_path, database_url, monkeypatch):
    """Each looks whether it is alone and then writes: on PostgreSQL, too, only one of them at a time."""
    make_study(tmp_path)
    folder = tmp_path / "study"
    db = bind_database(load(folder), database_url, folder=folder)
    added = [more_of(tmp_path), more_of(tmp_path, dataset="Others")]
    both, read = threading.Barrier(2), blocks.load
    reads = Counter[int]()

    def together(place: object) -> object:
        study = read(place)
        reads[threading.get_ident()] += 1
        with suppress(threading.BrokenBarrierError):
            both.wait(timeout=20 if reads[threading.get_ident()] == 1 else 1)
        return study

    def add(versions: object) -> str:
        try:
            return f"block {add_block(db, folder, versions).blocks}"
        except InputError as error:
            return str(error)

    monkeypatch.setattr(blocks, "load", together)
    with ThreadPoolExecutor(2) as pool:
        told = sorted(pool.map(add, added))
    assert told == ["another block was added in the meantime: look at the study, and try again", "block 2"]
    assert [row["what"] for row in change_rows(db)] == ["block 2"]
    db.close()


def test_a_folder_that_cannot_be_written_is_told_and_nothing_is_in_the_log(tmp_path, monkeypatch):
    make_study(tmp_path)
    db, versions = open_database(tmp_path / "study"), more_of(tmp_path)

    def full(*_about: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(blocks, "save", full)
    with pytest.raises(InputError, match="cannot be written"):
        add_block(db, tmp_path / "study", versions)
    assert (db.study.blocks, change_rows(db)) == (1, [])
    db.close()


def test_the_command_extends_raters_and_pictures(tmp_path, capsys):
    make_study(tmp_path, settings=Settings(raters=3))
    more_of(tmp_path)
    study = str(tmp_path / "study")
    assert main(["extend", study, "--raters", "2", "--run", str(tmp_path / "More")]) == 0
    assert "5 raters may enter" in (told := capsys.readouterr().out)
    assert "block 2 with 2 pictures in 8 versions" in told
    assert main(["extend", study, "--run", str(tmp_path / "More")]) == 2
    assert "in the study already" in capsys.readouterr().err
    db = open_database(tmp_path / "study")
    assert (standing(db).settings.raters, db.study.blocks) == (5, 2)
    db.close()
