"""The page of a results folder: what is embedded, and what its tables do in a browser."""

import base64
import hashlib
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from page_folders import many, save_picture, until, write_profile, write_scores

from bench.analysis.results import read_results
from bench.cli import main
from bench.page.build import render, write_page
from bench.page.content import Cell, Column, Content, Metric, Model, PictureSet, Table
from bench.store.table import scores_table
from sr_models.data.errors import InputError

GREY = np.full((12, 16, 3), 90, np.uint8)
VALUES = {
    "psnr": {
        "bicubic": [28.004, 25.0, 31.996],
        "alpha": [30.0, 24.0, 36.0],
        "beta": [29.0, None, math.inf],
    },
    "ssim": {"bicubic": [0.81, 0.7, 0.9], "alpha": [0.85, 0.65, 0.95], "beta": [0.85, None, 1.0]},
}


@pytest.fixture
def folder(tmp_path):
    made = write_scores(tmp_path / "my results", VALUES)
    write_scores(made, {"psnr": {"bicubic": [20.0], "alpha": [21.0]}}, dataset="other", images=["zoo"])
    write_scores(made, {"psnr": {"bicubic": [10.0] * 3}}, protocol="matlab")
    for model in ("hr", "bicubic", "alpha"):
        for image in ("img_001", "img_002", "img_003"):
            save_picture(made, model, image, GREY)
    return made


def embedded(page_file):
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page_file.read_text())
    return json.loads(text)


def column(page, head):
    """The texts of one column of the summary."""
    heads = page.locator(".summary thead tr:last-child th").all_inner_texts()
    place = next(n for n, text in enumerate(heads) if text.startswith(head))
    return page.locator(f".summary tbody tr > :nth-child({place + 1})").all_inner_texts()


def models_of(page, where=".summary"):
    return page.locator(f"{where} tbody th").evaluate_all("heads => heads.map((th) => th.childNodes[1].data)")


# What is embedded


def test_pictures_of_two_crops_never_stand_in_one_viewer(tmp_path):
    made = write_scores(tmp_path / "r", {"psnr": {"bicubic": [20.0]}})
    table = scores_table(made)
    table.add([replace(row, variant="multiple12", value=21.0) for row in table])
    table.merge()
    for model, shape in (("bicubic", (16, 16, 3)), ("bicubic@multiple12", (12, 12, 3))):
        for method in (model, model.replace("bicubic", "hr")):
            save_picture(made, method, "img_001", np.full(shape, 90, np.uint8))

    data = embedded(write_page(read_results(made)))

    names = [each["name"] for each in data["models"]]
    held = [{names[int(n)] for n in each["here"]} for each in data["sets"]]
    assert held == [{"hr", "bicubic"}, {"hr@multiple12", "bicubic@multiple12"}]
    assert [each["sizes"] for each in data["sets"]] == [[[16, 16]], [[12, 12]]]
    assert [each["crop"] for each in data["tables"]] == ["", "multiple12"]


def test_means_are_printed_and_placed_as_in_every_other_table(folder):
    data = embedded(write_page(read_results(folder)))
    names = [model["name"] for model in data["models"]]
    assert names == ["bicubic", "alpha", "beta", "hr"]
    boards = {board.stem: board for board in read_results(folder).boards}
    n_cells = 0
    for table in data["tables"]:
        board = boards[table["stem"]]
        for cell in table["cells"]:
            where = (
                names[cell["model"]],
                data["datasets"][cell["dataset"]],
                data["metrics"][cell["metric"]]["name"],
            )
            assert (cell["text"], cell["place"]) == (board.cell(*where).text, board.cell(*where).place)
            n_cells += 1
    assert n_cells == 9  # three models by two metrics, two on the other set, one under the other protocol


def test_values_of_pictures_are_in_units_of_their_last_printed_digit(folder):
    data = embedded(write_page(read_results(folder)))
    table = next(table for table in data["tables"] if table["protocol"] == "rgb")
    found = {
        data["models"][c["model"]]["name"]: c["values"]
        for c in table["columns"]
        if data["metrics"][c["metric"]]["name"] == "psnr" and len(c["values"]) == 3
    }
    assert found == {
        "bicubic": [2800, 2500, 3200],
        "alpha": [3000, 2400, 3600],
        "beta": [2900, None, "inf"],
    }


def test_common_names_come_from_the_manifest(tmp_path):
    values = {"psnr": {"bicubic": [20.0, 21.0]}}
    page = write_page(
        read_results(write_scores(tmp_path, values, dataset="Set14", images=["img_001", "img_014"]))
    )
    assert embedded(page)["sets"][0]["names"] == ["baboon", "zebra"]


def test_the_policy_admits_this_script_and_this_style_and_no_other(folder):
    text = write_page(read_results(folder)).read_text()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    (script,) = re.findall(r'<script type="module">(.*?)</script>', text, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    for kind, body in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http:" not in policy


def test_a_page_written_elsewhere_links_back_to_the_folder(folder, tmp_path):
    assert embedded(write_page(read_results(folder)))["base"] == ""
    out = tmp_path / "pages" / "a.html"
    assert write_page(read_results(folder), out) == out
    assert embedded(out)["base"] == "../my%20results/"


@pytest.mark.parametrize("arguments", [["nowhere"], ["."]])
def test_without_scores_the_command_says_so_in_one_line(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    assert main(["page", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("bench page: ")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_output_cannot_be_a_folder(folder, tmp_path):
    with pytest.raises(InputError, match="HTML file"):
        write_page(read_results(folder), tmp_path)


def test_the_command_writes_the_page_beside_the_scores(folder, capsys):
    assert main(["page", str(folder)]) == 0
    assert capsys.readouterr().err == f"wrote {folder / 'index.html'}\n"


def test_a_broken_picture_does_not_stop_the_page(folder):
    (folder / "images/hr/mine/x4/img_001.png").write_bytes(b"no picture")
    thumbnails = embedded(write_page(read_results(folder)))["sets"][0]["thumbnails"]
    assert thumbnails[0] == ""
    assert thumbnails[1].startswith("data:image/webp;base64,")


# In a browser


def test_the_page_opens_from_disk_and_asks_for_nothing_but_its_own_files(folder, open_page):
    page = open_page(write_page(read_results(folder)))
    page.locator("a.entry").first.click()
    page.wait_for_selector("dialog[data-shown]")
    root = folder.as_uri()
    assert [url for url in page.requests if not url.startswith((f"{root}/", "data:"))] == []
    assert f"{root}/images/hr/mine/x4/img_001.png" in page.requests


def test_a_head_sorts_best_first_then_worst_first_then_not_at_all(folder, open_page):
    page = open_page(write_page(read_results(folder)))
    page.locator("button[value=rgb_x4_matlab]").click()
    assert models_of(page) == ["bicubic", "alpha", "beta"]
    psnr = page.locator(".summary thead button", has_text="PSNR").first
    ssim = page.locator(".summary thead button", has_text="SSIM").first
    psnr.click()
    assert column(page, "PSNR") == ["30.00", "29.00 (2 of 3)", "28.33"]
    assert page.locator("[aria-sort]").get_attribute("aria-sort") == "descending"
    psnr.press("Enter")
    assert column(page, "PSNR") == ["28.33", "29.00 (2 of 3)", "30.00"]
    assert page.locator("[aria-sort]").get_attribute("aria-sort") == "ascending"
    assert page.evaluate("document.activeElement.textContent").startswith("PSNR")
    psnr.press("Space")
    assert models_of(page) == ["bicubic", "alpha", "beta"]
    assert page.locator("[aria-sort]").count() == 0
    ssim.click()
    assert models_of(page)[0] == "beta"


def test_best_and_second_are_marked(folder, open_page):
    page = open_page(write_page(read_results(folder)))
    page.locator("button[value=rgb_x4_matlab]").click()
    marks = {mark: page.locator(f".summary tbody .{mark}").all_inner_texts() for mark in ("best", "second")}
    assert marks == {"best": ["30.00", "0.8167", "21.00"], "second": ["28.33", "0.8033", "20.00"]}
    assert page.locator(".summary tbody tr:last-child :is(.best, .second)").count() == 0  # not complete


def test_pictures_sort_with_what_is_missing_last(folder, open_page):
    page = open_page(write_page(read_results(folder)).as_uri() + "#table=rgb_x4_matlab&hide-dataset=other")
    beta = page.locator(".pictures thead button", has_text="beta")
    cells = page.locator(".pictures tbody tr td:nth-child(5)")
    beta.click()
    assert cells.all_inner_texts() == ["inf", "29.00", "n/a"]
    beta.click()
    assert cells.all_inner_texts() == ["29.00", "inf", "n/a"]


@pytest.fixture
def one_table(tmp_path, open_page):
    """Opens a page of one metric, one picture and the models a, b, c."""

    def open_(metric, values):
        cells = [Cell(n, 0, 0, f"{v:.3f}", v, 0, "", "†"[:n]) for n, v in enumerate(values)]
        columns = [Column(0, 0, n, [round(1000 * value)]) for n, value in enumerate(values)]
        table = Table("t", "rgb", "s", 4, "matlab", "", [0], [0], [0, 1, 2], ["sig"], [], [], cells, columns)
        models = [Model(name, "#888888") for name in "abc"]
        pictures = PictureSet(0, 4, "matlab", "", "x4", ["one"], ["one"], [""], [None], {})
        path = tmp_path / "page.html"
        path.write_text(
            render(Content("t", "r", "", models, [metric], ["mine"], [table], [pictures], [], [], []))
        )
        return open_page(path)

    return open_


def test_a_metric_with_an_ideal_sorts_by_the_distance_from_it(one_table):
    page = one_table(Metric("energy", "ENERGY", "", True, 3, "made", 1.0), [2.5, 1.2, 0.5])
    page.locator(".summary thead button", has_text="ENERGY").click()
    assert models_of(page) == ["b", "c", "a"]
    page.locator(".pictures thead button", has_text="less · more").click()
    assert page.locator(".pictures [aria-sort]").get_attribute("aria-sort") == "ascending"


def test_lower_is_better_sorts_and_marks_the_other_way(one_table):
    page = one_table(Metric("lpips", "LPIPS", "", False, 3, "Zhang 2018"), [0.3, 0.1, 0.2])
    page.locator(".summary thead button", has_text="LPIPS ↓").click()
    assert models_of(page) == ["b", "c", "a"]
    assert page.locator("[aria-sort]").get_attribute("aria-sort") == "ascending"
    assert page.locator(".summary td").all_text_contents() == ["0.100†", "0.200†", "0.300"]
    assert page.locator(".pictures .best").inner_text() == "0.100"
    assert page.locator(".pictures .second").inner_text() == "0.200"


def test_a_metric_with_an_ideal_marks_what_is_nearest_to_it(one_table):
    page = one_table(Metric("sharp", "SHARP", "", True, 3, "ours", ideal=1.0), [1.3, 0.9, 0.5])
    assert "SHARP → 1" in page.locator(".summary thead").inner_text()
    assert page.locator(".pictures .best").inner_text() == "0.900"
    assert page.locator(".pictures .second").inner_text() == "1.300"


def test_filters_hide_what_is_not_wanted_and_the_address_keeps_them(folder, open_page):
    page = open_page(write_page(read_results(folder)))
    page.locator("button[value=rgb_x4_matlab]").click()
    for name in ("bicubic", "other", "ssim"):
        page.locator(f".chip[value={name}]").click()
    page.locator(".summary thead button", has_text="PSNR").click()
    page.locator("input[type=search]").fill("003")

    def shown(page):
        return (models_of(page), page.locator(".groups th").all_inner_texts(), column(page, "PSNR"))

    expected = (["alpha", "beta"], ["", "mine"], ["30.00", "29.00 (2 of 3)"])
    assert shown(page) == expected
    assert page.locator(".pictures tbody tr").count() == 1
    until(lambda: "find=003" in page.evaluate("location.hash"))
    again = open_page(page.url)
    assert shown(again) == expected
    assert again.locator(".pictures tbody tr").count() == 1
    assert again.locator(".chip[value=bicubic]").get_attribute("aria-pressed") == "false"


def test_all_tables_carry_their_signatures(folder, open_page):
    page = open_page(write_page(read_results(folder)))
    page.locator("button[value=all]").click()
    assert page.locator(".board h3").all_inner_texts() == [
        "matlab, x4, LR: matlab",
        "rgb, x4, LR: matlab",
    ]
    notes = page.locator(".board .notes").all_inner_texts()
    assert "psnr|Y601r|crop4|u8|grey:asis|mean-dB|v1" in notes[0]
    assert "ssim:wang|RGB|crop4|u8|grey:rgb|mean|v1" in notes[1]
    assert "commit 0123456789ab" in notes[1]


def test_a_folder_without_pictures_is_a_page_of_tables_that_says_so(tmp_path, open_page):
    page = open_page(write_page(read_results(write_scores(tmp_path, VALUES))))
    assert models_of(page) == ["bicubic", "alpha", "beta"]
    assert page.locator(".pictures tbody tr").count() == 3
    assert page.locator("a.entry").count() == 0
    assert "The pictures are not here" in page.locator("#no-pictures").inner_text()


def test_provenance_plots_and_cost_are_there(folder, open_page):
    (folder / "grids").mkdir()
    (folder / "plots").mkdir()
    for name in (
        "rgb_x4_matlab_mine.svg",
        "rgb_x4_matlab_mine.png",
        "anything #1.svg",
        "cost_rgb_x4_matlab_mine_psnr.svg",
    ):
        (folder / "plots" / name).write_text("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")
    save_picture(folder, "hr", "img_001", GREY).replace(folder / "grids" / "a_crop.png")
    write_profile(folder)
    (folder / "tables").mkdir()
    (folder / "tables/rgb_x4_matlab.tex").touch()
    page = open_page(write_page(read_results(folder)).as_uri() + "#table=rgb_x4_matlab")
    assert page.locator("figcaption").all_inner_texts() == [
        "a_crop",
        "anything #1",
        "cost_rgb_x4_matlab_mine_psnr",
        "rgb_x4_matlab_mine",
    ]
    page.locator("figure").last.scroll_into_view_if_needed()
    loaded = "[...document.querySelectorAll('figure img')].every((img) => img.naturalWidth)"
    until(lambda: page.evaluate(loaded))
    cost = page.locator("section[aria-label=Cost] tbody tr")
    assert cost.first.inner_text().split("\t")[:6] == [
        "alpha",
        "1280x720",
        "22,000",
        "1,270,000,000",
        "2,540,000,000",
        "81.25",
    ]
    assert "n/a" in cost.last.inner_text()
    runs = page.locator("section[aria-label=Provenance] article").last.inner_text()
    for fact in ("0123456789ab", "torch 2.15.0", "kind cpu", "'mine=my pictures'"):
        assert fact in runs
    links = page.locator(".files a").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    assert links == ["tables/rgb_x4_matlab.tex", "scores.csv", "run.json", "profile.csv"]
    page.locator("button[value=matlab_x4_matlab]").click()
    assert page.locator("figcaption").all_inner_texts() == ["a_crop", "anything #1"]


def test_hostile_names_are_text_and_their_pictures_are_found(tmp_path, open_page):
    model, dataset = "<script>window.hacked=1<!--", '"><img src=x onerror=window.hacked=1>'
    image = "a#b?c%20d &\"'é<b>"
    title = tmp_path / "</title><script>window.hacked=1<"
    values = {"psnr": {model: [20.0], "</script><script>window.hacked=1</script>": [21.0]}}
    folder = write_scores(title, values, dataset=dataset, images=[image])
    for name in ("hr", model):
        save_picture(folder, name, image, GREY, dataset=dataset)
    page = open_page(write_page(read_results(folder)))
    page.locator("a.entry").click()
    page.wait_for_selector("dialog[data-shown]")
    assert page.locator(".says").inner_text() == ""
    assert page.evaluate("window.hacked") is None
    assert model in page.locator(".labels").inner_text()
    assert set(models_of(page)) == set(values["psnr"])
    again = open_page(page.url)
    again.wait_for_selector("dialog[data-shown]")


def test_light_and_dark_follow_the_system_until_the_reader_chooses(folder, open_page):
    address = write_page(read_results(folder))
    page = open_page(address, color_scheme="dark")

    def paper():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert paper() == "rgb(21, 24, 29)"
    page.emulate_media(color_scheme="light")
    assert paper() == "rgb(255, 255, 255)"
    page.locator("#theme").click()
    assert paper() == "rgb(21, 24, 29)"
    page.reload()
    assert paper() == "rgb(21, 24, 29)"


def test_a_shadow_says_that_a_table_goes_on_to_the_right(folder, open_page):
    region = open_page(write_page(read_results(folder))).locator(".scroll").first
    layers = region.evaluate("e => getComputedStyle(e).backgroundAttachment")
    assert layers == "local, scroll"  # the paper scrolls along, the shadow stays


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_for(folder, open_page, scheme):
    page = open_page(write_page(read_results(folder)), color_scheme=scheme)
    colours = page.evaluate("""() => {
        const probe = document.body.appendChild(document.createElement("p"));
        const of = (name) => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color; };
        const names = ["paper", "tint", "ink", "soft", "accent", "on-accent"];
        return Object.fromEntries(names.map((name) => [name, of(name)]));
    }""")

    def luminance(name):
        channels = [int(part) / 255 for part in re.findall(r"\d+", colours[name])[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    pairs = [(text, ground) for text in ("ink", "soft", "accent") for ground in ("paper", "tint")]
    for pair in [*pairs, ("on-accent", "accent")]:
        high, low = sorted(map(luminance, pair), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, pair


def test_nothing_runs_out_of_a_phone(folder, open_page):
    page = open_page(
        write_page(read_results(folder)),
        viewport={"width": 360, "height": 740},
        is_mobile=True,
        has_touch=True,
    )
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert page.evaluate(fits)
    page.locator("a.entry").first.tap()
    page.wait_for_selector("dialog[data-shown]")
    parts = "dialog > *, dialog header > *"
    outside = page.locator(parts).evaluate_all("""(parts) => parts.filter((part) => {
        const box = part.getBoundingClientRect();
        return box.width && (box.left < 0 || box.right > innerWidth || box.bottom > innerHeight);
    }).map((part) => part.outerHTML.slice(0, 80))""")
    assert outside == []


def test_a_long_list_is_made_as_it_is_scrolled_and_whole_when_printed(tmp_path, open_page):
    page = open_page(
        write_page(read_results(write_scores(tmp_path, {"psnr": {"a": [1.0] * 400, "b": [2.0] * 400}})))
    )
    rows = page.locator(".pictures tbody tr")
    assert rows.count() < 200
    page.locator(".scroll:has(.pictures)").evaluate("(box) => box.scrollTo(0, box.scrollHeight)")
    until(lambda: rows.count() >= 120)
    page.pdf()
    assert rows.count() == 400
    page.emulate_media(media="print")
    assert not page.locator("#filters").is_visible()
    assert page.locator(".scroll:has(.pictures)").evaluate(
        "(box) => box.scrollHeight <= box.clientHeight + 1"
    )


@pytest.mark.slow
def test_500_pictures_by_6_models_open_in_under_two_seconds(tmp_path, open_page):
    page_file = write_page(read_results(many(tmp_path, 500, 6)))
    assert page_file.stat().st_size < 25e6
    open_page(page_file)  # the browser itself has been started and warmed up
    page = open_page(page_file)
    opened = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    assert opened < 2000  # the script is a module: it has run by then
    assert page.locator(".pictures tbody tr").count() < 200
