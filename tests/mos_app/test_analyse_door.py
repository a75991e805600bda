"""`mos_app.analyse`, as somebody in a notebook uses it."""

import doctest
import subprocess
import sys

import pandas as pd
import pytest

import mos_app
from mos_app.analysis.statistics.simulation import simulate_srgan_study
from mos_app.cli import main
from sr_models.data.errors import InputError


def set14() -> pd.DataFrame:
    table = simulate_srgan_study(seed=0, raters=6)
    return table[table["dataset"] == "Set14"].reset_index(drop=True)


def test_the_example_of_the_docstring_is_true():
    found = doctest.testmod(mos_app)
    assert found.attempted >= 6
    assert found.failed == 0


def test_the_door_and_the_command_say_the_same(tmp_path, capsys):
    set14().to_csv(tmp_path / "ratings.csv", index=False)
    assert main(["analyse", str(tmp_path / "ratings.csv"), "--out", str(tmp_path), "--bootstrap", "100"]) == 0
    result = mos_app.analyse(set14(), draws=100)
    for name, table in result.tables.items():
        assert (tmp_path / "tables" / f"{name}.csv").read_text() == table.to_csv(index=False), name
    drawn = {path.stem for path in (tmp_path / "figures").glob("*.svg")}
    assert drawn == result.figures.keys()
    assert result.statements[0] in capsys.readouterr().out
    assert result.warning == "Simulated ratings: nobody looked at a picture."


def test_a_result_shows_its_statements_in_a_notebook_and_writes_the_report(tmp_path):
    result = mos_app.analyse(set14(), draws=100, title="Six raters")
    assert result.statements[0] in result._repr_html_()
    written = result.write(tmp_path)
    assert written[0].read_text().count("<h1>Six raters</h1>") == 1
    assert "Simulated ratings" in result.page()


def test_choices_are_analysed_through_the_same_door():
    rows = [(f"r{i % 4}", "p", "a", "b", "left" if i % 3 else "right") for i in range(40)]
    choices = pd.DataFrame(rows, columns=["rater", "picture", "left", "right", "choice"])
    result = mos_app.analyse(choices, draws=100)
    assert result.tables["preferences"]["method"].tolist() == ["a", "b"]
    assert list(result.figures) == ["preferences"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"draws": 10}, "at least 100 bootstrap draws for a 95 % interval, got 10"),
        ({"scale": (5, 1)}, "low end first, got 5 to 1"),
        ({"scale": (1, 3)}, "off the scale 1 to 3"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(InputError, match=message):
        mos_app.analyse(set14(), **arguments)


def test_importing_the_package_is_quick_and_pulls_nothing_heavy_in():
    code = (
        "import sys, time; start = time.perf_counter(); import mos_app; "
        "seconds = time.perf_counter() - start; heavy = {'torch', 'streamlit', 'matplotlib', 'pandas'}; "
        "print(seconds, *(heavy & set(sys.modules)))"
    )
    found = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(3)]
    assert min(float(run.stdout.split()[0]) for run in found) < 0.06
    assert [run.stdout.split()[1:] for run in found] == [[]] * 3
