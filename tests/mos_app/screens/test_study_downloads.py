"""Every download of the admin page, in a browser, through nginx before two workers."""

import csv
import io
import zipfile

import httpx
import pytest
from admin_page import section, sign_in
from studies import PASSWORD, new_rater, newcomer, rate_all

from mos_app.store.codes import password_hash
from mos_app.store.connection import Database, bind_database
from mos_app.store.invites import make_invites
from mos_app.store.raters import enter
from mos_app.store.state import set_admin_hash, set_closed
from mos_app.study.definition import load


@pytest.fixture
def db(behind_nginx, tmp_path, postgres_url) -> Database:
    """A closed study: two raters, and one of a panel who gave one score to everything."""
    database = bind_database(load(tmp_path / "study"), postgres_url)
    for score in (2, 4):
        rate_all(database, new_rater(database)[0], score)
    code = make_invites(database, 1, reusable=True)[0]
    rate_all(database, enter(database, newcomer(database.study, code, panel="5f3c"))[0], 3)
    set_admin_hash(database, password_hash(PASSWORD))
    set_closed(database, True)
    yield database
    database.close()


@pytest.fixture
def page(behind_nginx, db, browser):
    context = browser.new_context(viewport={"width": 1366, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)  # processes of their own start first
    page.goto(f"{behind_nginx}/admin")
    sign_in(page)
    yield page
    context.close()


def saved(page, link) -> tuple[str, bytes]:
    """Click on a link and return the name and bytes of the file that the browser saves."""
    with page.expect_download() as coming:
        link.click()
    return coming.value.suggested_filename, coming.value.path().read_bytes()


def test_the_panels_lists(page):
    name, approve = saved(page, page.get_by_role("link", name="Approve list (0)"))
    assert (name, approve) == ("approve.csv", b"id,study,session,code,flags\n")
    name, reject = saved(page, page.get_by_role("link", name="Reject list (1)"))
    (row,) = csv.DictReader(io.StringIO(reject.decode()))
    assert (name, row["id"], len(row["code"])) == ("reject.csv", "5f3c", 10)
    assert row["flags"].startswith("one score in 100% of votes")


def test_the_report_and_every_table_of_the_results(page):
    section(page, "Results")
    name, report = saved(page, page.get_by_role("link", name="Download the report"))
    assert name == "report.html"
    assert b"36 ratings" in report
    assert b"zebrafish-upscaler" in report
    for head in page.get_by_test_id("stExpander").all():
        head.locator("summary").click()
    links = page.get_by_role("link", name="CSV, all digits")
    tables = dict(saved(page, link) for link in links.all())
    assert len(tables) == page.get_by_test_id("stExpander").count() >= 5
    rows = list(csv.DictReader(io.StringIO(tables["mos.csv"].decode())))
    assert {float(row["mos"]) for row in rows} == {3.0}  # 2, 3 and 4 for everything
    assert all(b"," in table for table in tables.values())


def test_all_files_in_one_from_whichever_worker_is_asked(page, behind_nginx, db):
    section(page, "Files")
    link = page.get_by_role("link", name="Download all files")
    name, packed = saved(page, link)
    assert name == "export.zip"
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        names = set(archive.namelist())
        ratings = list(csv.DictReader(io.TextIOWrapper(archive.open("ratings.csv"), newline="")))
    assert {"ratings.csv", "ratings.parquet", "raters.csv", "wide.csv", "sureal.json"} <= names
    assert len(ratings) == 3 * len(db.study.stimuli)

    address = link.get_attribute("href")
    for _ in range(4):  # without a kept connection: one worker or the other
        answer = httpx.get(address, timeout=60)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert httpx.get(address[:-1] + "!").status_code == 403
    assert httpx.get(f"{behind_nginx}/mos/files/%25-x").status_code == 403
    set_closed(db, False)
    assert httpx.get(address).status_code == 403  # the files name the methods
    set_closed(db, True)
    page.get_by_role("button", name="Sign out").click()
    page.locator("input[type=password]").wait_for()
    assert httpx.get(address).status_code == 403
