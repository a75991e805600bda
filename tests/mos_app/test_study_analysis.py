"""From a study's own database to the report: what raters stored is what `mos analyse` counts."""

import json

import pytest
from studies import make_study, new_rater, rate_all

from mos_app.cli import main
from mos_app.store.connection import open_database
from mos_app.study.definition import Settings


@pytest.fixture
def study(tmp_path, request):
    """Three raters who gave everything a 2, a 3 and a 4 (pairs: left, right, right)."""
    method = getattr(request, "param", "acr")
    make_study(tmp_path, settings=Settings(method=method, break_every=0))
    db = open_database(tmp_path / "study")
    for score in (1, 2, 2) if method == "pairs" else (2, 3, 4):
        rate_all(db, new_rater(db)[0], score)
    db.close()
    return tmp_path / "study"


def test_a_study_is_analysed_from_its_folder(study, tmp_path, capsys):
    assert main(["analyse", str(study), "--out", str(tmp_path / "out"), "--bootstrap", "100"]) == 0
    assert "3 raters gave" in capsys.readouterr().out
    text = (tmp_path / "out" / "analysis.json").read_text()
    assert json.loads(text)
    assert (tmp_path / "out" / "report.html").is_file()
    means = (tmp_path / "out" / "tables").glob("*.csv")
    assert any(",3.0," in path.read_text() or ",3.00" in path.read_text() for path in means)


@pytest.mark.parametrize("study", ["pairs"], indirect=True)
def test_a_study_of_pairs_is_analysed_as_pairs(study, tmp_path, capsys):
    assert main(["analyse", str(study), "--out", str(tmp_path / "out"), "--bootstrap", "100"]) == 0
    assert (tmp_path / "out" / "report.html").is_file()
    assert "Bradley" in (tmp_path / "out" / "report.html").read_text()


def test_a_folder_that_holds_no_study_is_named(tmp_path, capsys):
    assert main(["analyse", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "no study.json in it" in capsys.readouterr().err
