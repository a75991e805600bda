"""The committed results are what their own rows give, and the numbers that the README quotes."""

from pathlib import Path

from bench.report import paper_markdown, stale_tables

REFERENCE = Path(__file__).parents[1] / "results" / "reference"


def test_no_committed_table_is_stale():
    assert stale_tables(REFERENCE) == []


def test_the_readme_quotes_the_reference_results():
    readme = (REFERENCE.parents[1] / "README.md").read_text()
    paper = paper_markdown(REFERENCE)
    assert "| Set14 | authors-srresnet-mse | 28.49 | 28.49 | 0 | 0.8184 | 0.8184 | 0 |" in paper
    assert "28.49 / 0.8184 | 28.49 / 0.8184" in readme
