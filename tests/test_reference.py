"""The committed results are what their own rows give, and the numbers that the README quotes."""

from pathlib import Path

import pandas as pd

from bench.analysis.results import read_results
from bench.reports.write import paper_markdown, stale_tables

REFERENCE = Path(__file__).parents[1] / "results" / "reference"


def test_no_committed_table_is_stale():
    assert stale_tables(read_results(REFERENCE)) == []


def test_the_readme_quotes_the_reference_results():
    readme = (REFERENCE.parents[1] / "README.md").read_text()
    paper = paper_markdown(read_results(REFERENCE))
    assert "| Set14 | authors-srresnet-mse | 28.49 | 28.49 | 0 | 0.8184 | 0.8184 | 0 |" in paper
    assert "28.49 / 0.8184 | 28.49 / 0.8184" in readme


def _quoted(heading):
    """Return {model: numbers} of the table below a heading of results/README.md."""
    section = (REFERENCE.parent / "README.md").read_text().split(heading)[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines[1:]]
    return {name.strip("`"): numbers for name, *numbers in rows}


def _means(protocol, metric):
    scores = pd.read_csv(REFERENCE / "scores.csv")
    rows = scores[(scores["protocol"] == protocol) & (scores["metric"] == metric)]
    return rows.groupby(["model", "dataset"])["value"].mean()


def test_the_results_page_quotes_the_means_of_what_was_trained_here():
    psnr, quoted = _means("srgan", "psnr"), _quoted("## What was trained here")
    assert {"srcnn", "srcnn-955", "espcn", "drcn-lite", "selfexsr", "srresnet-mse"} <= set(quoted)
    for model, (*ours, _, _) in quoted.items():
        assert ours == [f"{psnr[model, dataset]:.2f}" for dataset in ("Set5", "Set14", "BSD100")], model


def test_the_results_page_quotes_what_the_variants_look_like():
    metrics = [_means("rgb", name) for name in ("feature_distance", "gradient_energy", "lr_psnr")]
    quoted = _quoted("## The variants")
    assert {"srresnet-mse", "srresnet-vgg22", "srgan-mse", "srgan-vgg22", "srgan-vgg53"} <= set(quoted)
    for model, (_, *ours) in quoted.items():
        wanted = [f"{mean[model, 'BSD100']:.{d}f}" for mean, d in zip(metrics, (4, 3, 2), strict=True)]
        assert ours == wanted, model


def test_the_results_page_quotes_what_perception_says():
    metrics = [(_means("rgb", name), digits) for name, digits in PERCEPTION.items()]
    quoted = _quoted("## Perception")
    assert {"srresnet-mse", "srgan-vgg53", "authors-srgan-vgg54"} <= set(quoted)
    for model, cells in quoted.items():
        for dataset, cell in zip(("Set5", "Set14", "BSD100"), cells, strict=False):
            if cell:
                assert cell == " / ".join(f"{mean[model, dataset]:.{d}f}" for mean, d in metrics), model


PERCEPTION = {"psnr": 2, "lpips": 4, "dists_256": 4, "phase_spread": 2}
