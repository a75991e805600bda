"""What trains SRResNet fastest? Held-out PSNR over steps: Adam and Muon, batch norms live and frozen.

    python benchmarks/curves.py PACK OUT [--steps 1500] [--whole RUN/validation.csv]

Every run sees the same crops in the same order. OUT/curves.csv and OUT/curves.png; --whole adds the
curve of a finished run. docs/training.md shows what it drew.
"""

import argparse
import csv
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from sr_models.training.pack import open_pack
from sr_models.training.recipes import LearningRate, recipe
from sr_models.training.train import TrainOptions, train

RATES = {"muon": 6e-4, "adam": 4e-4}
"""The best of those tried for each."""


def main() -> None:
    """Train, collect, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pack", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--whole", type=Path)
    args = parser.parse_args()
    pack = open_pack(args.pack)
    rows = []
    for optimiser, rate in RATES.items():
        for frozen in (True, False):
            label = f"{optimiser.title()} {rate:g}, norms {'frozen' if frozen else 'live'}"
            config = replace(
                recipe("srresnet-mse", "fast"),
                name=label,
                steps=args.steps,
                lr=LearningRate(rate, warmup_steps=100, stay=0.7, end=0.0),
                batch=8,
                crop_px=64,
                late=None,
                optimiser=optimiser,
                frozen_norm=frozen,
            )
            folder = args.out / f"{optimiser}-{'frozen' if frozen else 'live'}"
            train(config, pack, folder, TrainOptions(validate_every=max(1, args.steps // 15)))
            rows += [{"run": label, **row} for row in read(folder / "validation.csv")]
            write(args.out / "curves.csv", rows)
    draw(rows, read(args.whole) if args.whole else [], args.out / "curves.png")


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """Write rows as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def draw(rows: list[dict[str, str]], whole: list[dict[str, str]], path: Path) -> None:
    """Draw the comparison, and the whole run beside it where there is one."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2 if whole else 1, squeeze=False)[0]
    for label in dict.fromkeys(row["run"] for row in rows):
        mine = [row for row in rows if row["run"] == label]
        style = "-" if "frozen" in label else "--"
        colour = "tab:blue" if label.startswith("Muon") else "tab:orange"
        x, y = [int(row["step"]) for row in mine], [float(row["psnr_db"]) for row in mine]
        panels[0].plot(x, y, style, color=colour, label=label)
    panels[0].set(xlabel="steps of 8 crops of 64 px", ylabel="held-out luma PSNR, dB", title="the same crops")
    panels[0].legend(fontsize=8)
    if whole:
        x, y = [int(row["step"]) for row in whole], [float(row["psnr_db"]) for row in whole]
        panels[1].plot(x, y, color="tab:blue", marker=".")
        hours = float(whole[-1]["seconds"]) / 3600
        panels[1].set(xlabel="steps", title=f"the run that ships: {hours:.2f} hours")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
