"""The admin page's Results tab, driven by Streamlit's own test harness."""

from streamlit.testing.v1 import AppTest


def results_app(kind: str) -> None:
    import pandas as pd

    from mos_app.analysis.statistics.simulation import simulate_srgan_study
    from mos_app.screens.aside import results_of
    from mos_app.screens.results_tab import show_results

    table = simulate_srgan_study(seed=0, raters=5)
    table = table[table["dataset"] == "Set14"]
    if kind == "pairs":
        rows = [(f"r{i % 4}", "p", "a", "b", "left" if i % 3 else "right") for i in range(40)]
        table = pd.DataFrame(rows, columns=["rater", "picture", "left", "right", "choice"])
    show_results(results_of(table, "Test study"))


def run(kind: str) -> AppTest:
    return AppTest.from_function(results_app, kwargs={"kind": kind}, default_timeout=120).run()


def test_the_tab_shows_every_section_with_its_tables():
    tab = run("scores")
    assert not tab.exception
    titles = [header.value for header in tab.subheader]
    assert titles[:4] == ["In short", "Methods", "Differences between methods", "Raters"]
    assert "5 raters gave 840 ratings" in tab.text[1].value
    mos = tab.dataframe[0].value
    assert mos["method"].tolist()[0] == "NN"
    assert len(mos) == 12
    assert len(tab.get("image")) == 6  # st.html would have stripped the SVGs without a word


def test_the_tab_shows_pairs():
    tab = run("pairs")
    assert not tab.exception
    assert "4 raters made 40 choices" in tab.text[0].value
