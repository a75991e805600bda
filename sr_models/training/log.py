"""What a run leaves to be looked at: two CSV files, TensorBoard events, the GAN's health in one figure."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sr_models.data.image import write_bytes


class TrainingLog:
    """Appends rows to train.csv and validation.csv in a folder, and the same to TensorBoard where installed.

    Rows of steps after `step` (written by a run that was cut off before its checkpoint) are dropped,
    so that a resumed run's log reads as if it had never stopped.
    """

    def __init__(self, folder: Path, step: int, *, active: bool = True) -> None:
        self.folder, self.active = folder, active
        self._board: Any = None
        if not active:  # one of several processes, and not the one that writes
            return
        self.drop_after(step)
        self._board = _tensorboard(folder, step)

    def drop_after(self, step: int) -> None:
        """Drop the rows of steps after `step`."""
        if self.active:
            for name in ("train", "validation"):
                _drop_after(self.folder / f"{name}.csv", step)

    def close(self) -> None:
        """Close TensorBoard's file."""
        if self._board is not None:
            self._board.close()
            self._board = None

    def add(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Append a row of kind `train` or `validation`."""
        if not self.active:
            return
        path = self.folder / f"{kind}.csv"
        fresh = not path.exists()
        with path.open("a+", newline="") as file:
            file.seek(0)
            # A run that an older version began keeps its columns.
            names = list(values) if fresh else file.readline().strip().split(",")[1:]
            writer = csv.writer(file)
            if fresh:
                writer.writerow(["step", *names])
            writer.writerow([step, *(f"{values[name]:.6g}" for name in names)])
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{kind}/{name}", value, step)
            self._board.flush()


def draw_health(folder: Path) -> None:
    """Write health.png: D's opinions, gradient norms, LR consistency and PSNR over the steps."""
    import io

    import pandas as pd
    from matplotlib.figure import Figure

    train, validation = (pd.read_csv(folder / f"{name}.csv") for name in ("train", "validation"))
    figure = Figure(figsize=(9, 6), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True)
    for axes, table, columns, title in (
        (panels[0, 0], train, ("d_hr", "d_sr"), "D's opinion (0.5: cannot tell)"),
        (panels[0, 1], train, ("gradient_g", "gradient_d", "gradient_ratio"), "gradient norms"),
        (panels[1, 0], validation, ("consistency_db",), "LR consistency, dB (a fall: colour shift)"),
        (panels[1, 1], validation, ("psnr_db",), "held-out luma PSNR, dB"),
    ):
        for column in columns:
            axes.plot(table["step"], table[column], label=column)
        axes.set_title(title)
        axes.legend()
    panels[0, 1].set_yscale("log")
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100)
    write_bytes(folder / "health.png", buffer.getvalue())


def _drop_after(path: Path, step: int) -> None:
    if not path.exists():
        return
    header, *rows = path.read_text().splitlines() or [""]
    if not header:  # cut off before its first line was written
        path.unlink()
        return
    kept = [row for row in rows if int(row.split(",")[0]) <= step]
    write_bytes(path, ("\n".join([header, *kept]) + "\n").encode())


def _tensorboard(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:  # an extra: `pip install -e '.[tensorboard]'`
        return None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
