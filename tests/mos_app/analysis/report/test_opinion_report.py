"""`mos analyse` and `mos plan` from file to folder: what is written, and what strange input leads to."""

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mos_app.analysis.statistics.simulation import PUBLISHED_MOS, VQEG_HD3, latent_mean, simulate_srgan_study
from mos_app.cli import main

COLUMNS = ["rater", "picture", "method", "score"]


def study(raters: int = 8) -> pd.DataFrame:
    """Set5 and Set14 of the paper's design, simulated."""
    table = simulate_srgan_study(seed=0, raters=raters, repeats=10)
    return table[table["dataset"] != "BSD100"].reset_index(drop=True)


def scores_of(table: pd.DataFrame) -> pd.DataFrame:
    """Made-up metric values that follow the published MOS, infinite for the original."""
    rng = np.random.default_rng(0)
    keys = table[["dataset", "picture", "method"]].drop_duplicates()
    value = [25 + PUBLISHED_MOS[r.dataset][r.method] + rng.normal(0, 0.5) for r in keys.itertuples()]
    made = keys.rename(columns={"picture": "image", "method": "model"})
    psnr = made.assign(metric="psnr", value=np.where(made["model"] == "hr", np.inf, value))
    lpips = made.assign(metric="lpips", value=1 - np.array(value) / 40)
    return pd.concat([psnr, lpips]).assign(scale=4, lr="matlab", protocol="rgb", key="0")


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    study().to_csv(folder / "ratings.csv", index=False)
    scores_of(study()).to_csv(folder / "scores.csv", index=False)
    out = folder / "out"
    sources = [str(folder / "ratings.csv"), "--scores", str(folder / "scores.csv")]
    assert (
        main(["analyse", *sources, "--out", str(out), "--bootstrap", "300", "--title", "A & B <study>"]) == 0
    )
    return out


VOID = {"meta", "path", "use", "rect", "br", "col", "link", "img"}


class Page(HTMLParser):
    """Collects what a page would fetch, and whether its tags are balanced."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.fetched += [
            v for k, v in attrs if k in ("src", "href", "xlink:href") and not (v or "").startswith("#")
        ]
        self.ids += [v for k, v in attrs if k == "id" and tag == "section"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.fetched += [
            v for k, v in attrs if k in ("src", "href", "xlink:href") and not (v or "").startswith("#")
        ]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_is_one_file_that_fetches_nothing(report):
    page = Page()
    text = (report / "report.html").read_text()
    page.feed(text)
    assert page.fetched == []
    assert page.open == []
    assert "<script" not in text
    assert "@import" not in text
    assert "url(http" not in text
    assert "A &amp; B &lt;study&gt;" in text
    assert "prefers-color-scheme:dark" in text
    assert "Simulated ratings: nobody looked at a picture." in text
    assert all(f'href="#{name}"' in text for name in page.ids)


def test_every_table_comes_in_four_formats_and_every_figure_in_three(report):
    for folder, endings in (
        ("tables", {".csv", ".md", ".tex", ".html"}),
        ("figures", {".png", ".svg", ".pdf"}),
    ):
        names = {path.stem for path in (report / folder).iterdir()}
        assert len(names) > 10
        for name in names:
            found = {path.suffix for path in (report / folder).iterdir() if path.stem == name}
            assert found == endings, name
    for path in (report / "figures").glob("*.svg"):
        ElementTree.parse(path)


def test_the_numbers_of_the_tables_are_those_of_the_json(report):
    numbers = json.loads(
        (report / "analysis.json").read_text(), parse_constant=lambda name: pytest.fail(name)
    )
    mos = pd.read_csv(report / "tables" / "mos.csv")
    assert [row["mos"] for row in numbers["tables"]["mos"]] == mos["mos"].tolist()
    own = study()
    bicubic = own[(own["dataset"] == "Set14") & (own["method"] == "bicubic") & (own["repeat"] == 0)]
    row = mos[(mos["dataset"] == "Set14") & (mos["method"] == "bicubic")].iloc[0]
    assert row["mos"] == pytest.approx(bicubic["score"].mean())
    assert numbers["repeats"] == int((own["repeat"] == 1).sum()) > 0


def test_nan_is_never_a_result(report):
    for path in [report / "report.html", report / "analysis.json", *(report / "tables").iterdir()]:
        assert not re.search(r"\bnan\b", path.read_text(), re.IGNORECASE), path.name


def test_the_same_ratings_give_the_same_bytes(report, tmp_path):
    again = tmp_path / "out"
    folder = report.parent
    sources = [str(folder / "ratings.csv"), "--scores", str(folder / "scores.csv")]
    main(["analyse", *sources, "--out", str(again), "--bootstrap", "300", "--title", "A & B <study>"])
    for path in report.rglob("*.*"):
        assert (again / path.relative_to(report)).read_bytes() == path.read_bytes(), path.name


def test_latex_escapes_its_own_signs(report):
    text = (report / "tables" / "mos.tex").read_text()
    assert r"95 \% CI (t)" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    assert not re.search(r"(?<!\\)[%_#]", text)


def test_the_report_says_how_many_infinite_values_it_left_out(report):
    assert "19 infinite values left out (hr)" in (report / "report.html").read_text()


def grid(raters: int, pictures: int, methods: tuple[str, ...], score) -> pd.DataFrame:
    rows = [
        (f"r{r}", f"p{p}", m, score(r, p, i))
        for r in range(raters)
        for p in range(pictures)
        for i, m in enumerate(methods)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def varied(r: int, p: int, m: int) -> int:
    return 1 + (3 * r + 5 * p + 2 * m + r * p + p * m) % 5


def with_gaps() -> pd.DataFrame:
    table = grid(6, 6, ("bicubic", "srcnn", "hr"), varied)
    return table[~((table["method"] == "srcnn") & table["picture"].isin(["p0", "p1"]))]


STRANGE = {
    "one rater": (grid(1, 5, ("bicubic", "srcnn", "hr"), varied), "needs two raters"),
    "one picture": (grid(6, 1, ("bicubic", "srcnn", "hr"), varied), "no crossed test"),
    "one rating": (grid(1, 1, ("bicubic",), varied), "differences need two methods"),
    "one method": (grid(5, 5, ("bicubic",), varied), "differences need two methods"),
    "a constant rater": (
        grid(6, 6, ("a", "b", "c"), lambda r, p, m: 3 if r == 0 else varied(r, p, m)),
        "one score in 100%",
    ),
    "all scores equal": (grid(5, 5, ("a", "b", "c"), lambda r, p, m: 3), "all scores are equal"),
    "a method missing for some pictures": (with_gaps(), "6 raters gave 96 ratings"),
    "each method on its own picture": (
        grid(5, 6, ("a",), varied).assign(method=lambda t: "m" + t["picture"]),
        "methods cannot be compared",
    ),
    "two raters who never met": (
        pd.concat(
            [grid(1, 3, ("a", "b"), varied), grid(1, 3, ("a", "b"), varied).assign(rater="x", picture="q")]
        ).drop_duplicates(["rater", "picture", "method"]),
        "cannot say",
    ),
    "markup in names": (grid(4, 4, ("<b>", "x|y", "z_1 & 2"), varied), "&lt;b&gt;"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_ratings_get_a_report_with_a_clear_statement_and_no_nan(tmp_path, name):
    table, says = STRANGE[name]
    table.to_csv(tmp_path / "ratings.csv", index=False)
    assert (
        main(["analyse", str(tmp_path / "ratings.csv"), "--out", str(tmp_path / "out"), "--bootstrap", "100"])
        == 0
    )
    page = (tmp_path / "out" / "report.html").read_text()
    assert says in page
    for path in [tmp_path / "out" / "report.html", *(tmp_path / "out" / "tables").iterdir()]:
        assert not re.search(r"\bnan\b", path.read_text(), re.IGNORECASE), path.name
    json.loads(
        (tmp_path / "out" / "analysis.json").read_text(), parse_constant=lambda name: pytest.fail(name)
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["analyse", "none.csv"], "no file none.csv"),
        (["analyse", "RATINGS", "--scale", "5"], "expected LOW,HIGH"),
        (["analyse", "RATINGS", "--scale", "5,1"], "low end must be below"),
        (["analyse", "RATINGS", "--bootstrap", "5"], "expected 100 draws or more"),
        (["analyse", "RATINGS", "--scores", "nowhere"], "no file nowhere"),
        (["plan", "--difference", "-1"], "a positive step"),
        (["plan", "--difference", "0.2", "--power", "80"], "between 0 and 1"),
        (["plan", "--difference", "0.2", "--components", "1,2"], "expected three variances"),
        (["plan", "--difference", "0.2", "--components", "1,2,-3"], "not negative"),
        (["plan", "--difference", "0.2", "--comparisons", "0"], "one pair"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(tmp_path, capsys, arguments, says):
    path = tmp_path / "ratings.csv"
    grid(3, 3, ("a", "b"), varied).to_csv(path, index=False)
    assert main([str(path) if a == "RATINGS" else a for a in arguments]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_screening_the_headline_leaves_raters_out_by_name(tmp_path, capsys):
    table = grid(12, 20, ("a", "b"), lambda r, p, m: 1 + (p + m) % 5)
    rng = np.random.default_rng(0)
    odd = table["rater"] == "r3"
    table.loc[odd, "score"] = rng.integers(1, 6, int(odd.sum()))
    table.to_csv(tmp_path / "ratings.csv", index=False)
    main(
        [
            "analyse",
            str(tmp_path / "ratings.csv"),
            "--out",
            str(tmp_path),
            "--screen",
            "flags",
            "--bootstrap",
            "100",
        ]
    )
    assert "The headline leaves out r3." in capsys.readouterr().out


def test_pairs_are_analysed_as_pairs(tmp_path, capsys):
    rng = np.random.default_rng(0)
    rows = [
        (f"r{i % 6}", "p", "srgan-vgg54", "bicubic", "left" if rng.random() < 0.8 else "right")
        for i in range(90)
    ]
    columns = ["rater", "picture", "left", "right", "choice"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "pairs.csv", index=False)
    assert (
        main(["analyse", str(tmp_path / "pairs.csv"), "--out", str(tmp_path / "out"), "--bootstrap", "200"])
        == 0
    )
    assert "SRGAN-VGG54 is the most preferred" in capsys.readouterr().out
    assert (tmp_path / "out" / "tables" / "wins.csv").is_file()
    assert (tmp_path / "out" / "figures" / "preferences.pdf").is_file()


def test_plan_prints_the_fewest_ratings_and_takes_variances_from_a_study(tmp_path, capsys):
    study().to_csv(tmp_path / "ratings.csv", index=False)
    arguments = [
        "--difference",
        "0.5",
        "--raters",
        "10,30",
        "--pictures",
        "10,50",
        "--out",
        str(tmp_path / "plan"),
    ]
    assert main(["plan", *arguments, "--study", str(tmp_path / "ratings.csv")]) == 0
    printed = capsys.readouterr().out
    assert "The fewest ratings that find a true difference of 0.5 in MOS with power 0.8" in printed
    assert (tmp_path / "plan" / "figures" / "power.svg").is_file()
    assert main(["plan", "--difference", "0.01", "--raters", "5", "--pictures", "5"]) == 0
    assert "No design of this grid" in capsys.readouterr().out


def test_a_simulated_study_has_the_papers_design_and_its_means():
    table = simulate_srgan_study(seed=0, raters=26)
    assert len(table) == 29_328
    assert table.groupby("rater").size().unique().tolist() == [1128]
    assert latent_mean(3.0, VQEG_HD3) == pytest.approx(3.0, abs=1e-6)
    found = table[table["dataset"] == "BSD100"].groupby("method")["score"].mean()
    for method, mos in PUBLISHED_MOS["BSD100"].items():
        assert found[method] == pytest.approx(
            mos, abs=0.25
        )  # three standard errors of picture and rater effects
