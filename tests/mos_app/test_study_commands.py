"""A researcher's own mistakes at the `mos` commands: one line, exit code 2, and nothing has changed."""

import os
import stat
from pathlib import Path

import pytest
from studies import make_study

from mos_app.cli import main
from mos_app.rehearsal.scratch import free_port
from mos_app.store.connection import open_database
from mos_app.store.state import change_rows, standing
from mos_app.study.definition import Settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("mistakes")
    make_study(root, settings=Settings(raters=3))
    return root / "study"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("edit STUDY --release-idle -1", "--release-idle: expected 0 to 3650 days, got -1"),
        ("edit STUDY --release-idle 1e12", "--release-idle: expected 0 to 3650 days"),
        ("edit STUDY --release-idle nan", "--release-idle: expected 0 to 3650 days"),
        ("edit STUDY --title none", "--title: a study has a title"),
        ("edit STUDY --title ''", "--title: expected what raters see"),
        ("edit STUDY --raters 100001", "at most 100000"),
        ("extend STUDY --raters 2 --run RUN", "in the study already"),
        ("extend STUDY --raters 2 --run /nowhere", "no images/ in it"),
        ("rehearse STUDY --raters 0", "--raters: expected at least 1, got 0"),
        ("rehearse STUDY --limit 0", "--limit: expected at least 1, got 0"),
        ("rehearse STUDY --workers 0", "--workers: expected at least 1, got 0"),
        ("rehearse STUDY --think 3 1", "--think: expected two numbers of seconds, the smaller first"),
        ("rehearse STUDY --think nan 1", "--think: expected two numbers"),
        ("rehearse STUDY --arrive nan", "--arrive: expected 0 to 3600 seconds"),
        ("serve STUDY --port 99999", "--port: expected 1 to 65535, got 99999"),
        ("serve STUDY --port 0", "--port: expected 1 to 65535, got 0"),
        ("serve STUDY --host ::9", "cannot listen on ::9"),
        ("serve STUDY --workers 0", "--workers: expected at least 1"),
        ("serve STUDY --workers 2", "several processes need PostgreSQL"),
        ("status STUDY --database postgresql://a@127.0.0.1:FREE/x", "the database cannot be opened: Can't"),
        ("status STUDY --database postgresql://a@127.0.0.1:port/x", "the database URL cannot be read"),
        ("status STUDY --database sqlite:///RUN", "is no file"),
        ("status STUDY --database sqlite:///STUDY/study.json", "file is not a database"),
        ("rehearse STUDY --database postgresql://a@127.0.0.1:FREE/x", "the database cannot be opened: Can't"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(folder, capsys, words, told):
    places = {"STUDY": str(folder), "RUN": str(folder.parent / "run"), "FREE": str(free_port())}
    for name, place in places.items():
        words = words.replace(name, place)
    assert main(["" if word == "''" else word for word in words.split()]) == 2
    printed = capsys.readouterr()
    assert told in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    db = open_database(folder)
    assert (change_rows(db), standing(db).settings.raters, db.study.blocks) == ([], 3, 1)
    db.close()


def test_a_folder_in_place_of_a_database_keeps_its_mode(folder):
    here = folder.parent / "run"
    os.chmod(here, 0o755)
    assert main(["status", str(folder), "--database", f"sqlite:///{here}"]) == 2
    assert stat.S_IMODE(here.stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("place", "told"), [("/nothing", 'database "nothing" does not exist'), ("/x?sslmode=require", "sslmode")]
)
def test_what_postgresql_says_is_told(folder, postgres_server, capsys, place, told):
    assert main(["status", str(folder), "--database", f"{postgres_server}{place}"]) == 2
    assert told in capsys.readouterr().err


def test_links_are_listed_or_revoked_not_both(folder, capsys):
    with pytest.raises(SystemExit):
        main(["invite", str(folder), "--list", "--revoke", "01234567"])
    assert "not allowed with argument" in capsys.readouterr().err
