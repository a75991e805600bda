"""Simulated raters through the real server: small by default, the paper's size on purpose."""

import os
from pathlib import Path

import pytest
from studies import make_study, write_paper_run

from mos_app.cli import main
from mos_app.rehearsal.rehearse import Plan, rehearse
from mos_app.rehearsal.scratch import free_port
from mos_app.store.connection import open_database
from mos_app.store.invites import invite_rows
from mos_app.store.raters import rater_rows
from mos_app.study.definition import Settings
from mos_app.study.freeze import Calibration, calibration_pictures, freeze
from mos_app.study.sources import srgan_design, versions_in_run

PAPER_RATERS = 26
PAPER_TRIALS = 1128
PRACTICE = 40


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_simulated_raters_finish_a_study_and_every_row_is_exact(tmp_path, database, request):
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    study = make_study(
        tmp_path, settings=Settings(break_every=5, repeat_share=0.2, repeat_lag=3), calibration=2
    )
    report = rehearse(tmp_path / "study", Plan(raters=4), database=url, export_to=tmp_path / "export")
    assert report.is_clean(), report.text()
    assert report.stored == 4 * (len(study.stimuli) + 2 + 4)
    assert len((tmp_path / "export" / "ratings.csv").read_text().splitlines()) == 1 + report.stored


def test_two_workers_behind_one_address_store_every_row_exactly(tmp_path, postgres_url):
    study = make_study(tmp_path, settings=Settings(break_every=5))
    report = rehearse(tmp_path / "study", Plan(raters=6, workers=2), database=postgres_url)
    assert report.is_clean(), report.text()
    assert report.stored == 6 * len(study.stimuli)


def test_people_who_come_one_after_the_other_are_timed_as_they_enter(tmp_path):
    make_study(tmp_path, settings=Settings(break_every=5))
    report = rehearse(tmp_path / "study", Plan(raters=4, limit=1, arrive=2.0))
    assert report.is_clean(), report.text()
    assert len(report.entries) == 4
    assert report.seconds >= 1.5  # the last one came then
    assert 0 < report.entering_ms(50) <= report.entering_ms(95)


def test_several_workers_need_postgresql(tmp_path, capsys):
    make_study(tmp_path)
    assert main(["serve", str(tmp_path / "study"), "--workers", "2", "--port", str(free_port())]) == 2
    assert "several processes need PostgreSQL" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["dcr", "pairs"])
def test_the_other_methods_can_be_rehearsed_too(tmp_path, method):
    study = make_study(tmp_path, settings=Settings(break_every=5, method=method), calibration=1)
    report = rehearse(tmp_path / "study", Plan(raters=2))
    trials = {"dcr": len(study.stimuli) + 2, "pairs": 3 * 6 + 1}[method]
    assert report.is_clean(), report.text()
    assert report.stored == 2 * trials


def test_a_rehearsal_leaves_the_study_itself_untouched(tmp_path):
    make_study(tmp_path)
    rehearse(tmp_path / "study", Plan(raters=2, limit=3))
    db = open_database(tmp_path / "study")
    assert rater_rows(db) == []
    assert invite_rows(db) == []
    db.close()


@pytest.fixture(scope="session")
def paper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of the paper's design, with pictures of the paper's sizes."""
    folder = tmp_path_factory.mktemp("paper")
    write_paper_run(folder / "run", Path(os.environ["SRMOS_DATA"]))
    versions = srgan_design(versions_in_run(folder / "run"), {})
    assert len(versions) == PAPER_TRIALS
    freeze(
        folder / "study",
        versions,
        Settings(raters=100),
        calibration=Calibration(calibration_pictures(20, 0, None, versions)),
    )
    return folder / "study"


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_26_raters_finish_the_papers_29328_presentations(paper_folder, database, request):
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    report = rehearse(paper_folder, Plan(raters=PAPER_RATERS), database=url)
    print(f"\n{database}: {report.text()}")
    assert report.is_clean(), report.text()
    assert report.stored == PAPER_RATERS * (PAPER_TRIALS + PRACTICE)
    assert report.stored - PAPER_RATERS * PRACTICE == 29_328


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_100_raters_at_once_with_1_to_3_seconds_of_thinking(paper_folder, database, request):
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    report = rehearse(paper_folder, Plan(raters=100, limit=60, think=(1.0, 3.0)), database=url)
    print(f"\n{database}: {report.text()}")
    assert report.is_clean(), report.text()
    assert report.percentile_ms(95) < 250
