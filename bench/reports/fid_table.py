"""Patch FID, as a table and as a file; a number for a model and a set, so that it is none of the rows."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sr_models.data.image import write_bytes

if TYPE_CHECKING:
    from bench.perceptual.patch_fid import PatchFid

ENOUGH = 10_000
"""Patches below which FID says more about the number of patches than about the pictures."""


def fid_markdown(found: Sequence["PatchFid"]) -> str:
    """Return a line for each model and set, with signatures, and a warning where patches are few."""
    lines = ["| set | scale | LR | model | patch FID | patches |", "|---|---|---|---|---:|---:|"]
    lines += [
        f"| {each.dataset} | x{each.scale} | {each.lr} | {each.model} | {each.value:.2f} | {each.patches} |"
        for each in found
    ]
    notes = list(dict.fromkeys(each.signature for each in found))
    few = sorted({each.dataset for each in found if each.patches < ENOUGH})
    if few:
        notes.append(
            f"warning: fewer than {ENOUGH:,} patches on {', '.join(few)}: FID is biased there; compare "
            "models on the same patches only, and never with other numbers of patches"
        )
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)])


def write_fids(folder: Path, found: Sequence["PatchFid"]) -> Path:
    """Write DIR/patch_fid.csv and return it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, vars(found[0]).keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(vars(each) for each in found)
    path = folder / "patch_fid.csv"
    write_bytes(path, text.getvalue().encode())
    return path
