"""`bench publish`: one or many runs as a static site that any host can serve."""

import shutil
import time
from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template

import msgspec

from bench.analysis.results import Results, read_results
from bench.metric import METRICS
from bench.page.build import write_page
from bench.page.sharing.hub import eval_results
from bench.page.sharing.site import FORMAT, INDEX, PublishedRun, Site
from bench.reports.write import write_report
from bench.store.header import Header, Invocation, ModelFacts, write_header
from bench.store.theirs import is_theirs
from sr_models.data.errors import InputError
from sr_models.data.fetch import sha256_of
from sr_models.data.image import write_bytes
from sr_models.data.names import check_name

HUB_DATASET = "srmos/super-resolution"
_COPIED = ("scores.csv", "profile.csv", "patch_fid.csv")
_WITH_PICTURES = ("images", "grids")


def publish(
    folders: Sequence[Path], out: Path, *, pictures: bool = False, hub_dataset: str = HUB_DATASET
) -> list[str]:
    """Write a site and return the names of its runs, which are those of their folders.

    An index with filters; for each run its page, tables, plots, rows and Hugging Face `.eval_results`.
    Command lines and paths of this machine stay here. Pictures are left out unless asked for: most sets may
    be linked and not shipped.
    """
    names = [folder.resolve().name for folder in folders]
    for name in names:
        check_name(name)
        if names.count(name) > 1:
            raise InputError(f"two runs are called {name!r}: rename one of the folders")
    for name, folder in zip(names, folders, strict=True):
        if folder.resolve() in (out.resolve(), (out / name).resolve()):
            raise InputError(f"{folder} would be written over: expected another folder to publish to")
    runs, means = [], []
    for name, folder in zip(names, folders, strict=True):
        results = _copied(read_results(folder), out / name, pictures=pictures)
        for path, text in eval_results(results, hub_dataset):
            write_bytes(out / name / ".eval_results" / path, text.encode())
        write_page(results)
        digest = sha256_of(out / name / "scores.csv")
        runs.append(PublishedRun(name, results.header.label(), digest))
        means += _means(name, results)
    site = Site(FORMAT, version("srmos"), runs)
    write_bytes(out / INDEX, msgspec.json.format(msgspec.json.encode(site), indent=1) + b"\n")
    write_bytes(out / "index.html", _index(site, means).encode())
    write_bytes(out / ".nojekyll", b"")  # or GitHub Pages leaves .eval_results out
    return names


def _copied(results: Results, target: Path, *, pictures: bool) -> Results:
    """The run in the site's folder, what is not for others left out, its tables and plots made anew."""
    target.mkdir(parents=True, exist_ok=True)
    for name in _COPIED:
        if (results.folder / name).is_file():
            shutil.copyfile(results.folder / name, target / name)
    for name in _WITH_PICTURES if pictures else ():
        if (results.folder / name).is_dir():
            shutil.copytree(results.folder / name, target / name, dirs_exist_ok=True)
    write_header(target, _without_private(results.header))
    copied = read_results(target)
    write_report(copied)
    return copied


def _without_private(header: Header) -> Header:
    """When and with what, but no command line and no path."""
    invocations = [
        Invocation(
            started=each.started, seconds=each.seconds, commit=each.commit, versions=each.versions,
            device=each.device, dtype=each.dtype, jobs=each.jobs, scores=each.scores,
        )
        for each in header.invocations
    ]  # fmt: skip
    models = {
        name: ModelFacts("" if "=" in facts.spec else facts.spec, facts.version)
        for name, facts in header.models.items()
    }
    return msgspec.structs.replace(header, invocations=invocations, models=models)


def _means(name: str, results: Results) -> list[list[object]]:
    """Rows of the index: run, set, scale, LR, protocol, metric, model, mean, printed, pictures, signature."""
    return [
        [
            name, dataset, f"x{board.scale}", board.lr, board.protocol, METRICS[metric].heading, model,
            cell.mean if abs(cell.mean) < float("inf") else None, cell.text, cell.n, board.signatures[metric],
        ]
        for board in results.boards
        for (model, dataset, metric), cell in sorted(board.cells.items())
        if not is_theirs(model)
    ]  # fmt: skip


def _index(site: Site, means: Sequence[Sequence[object]]) -> str:
    page = (files("bench.page.sharing") / "assets" / "index.html").read_text(encoding="utf-8")
    content = {"runs": [[each.name, each.run] for each in site.runs], "means": means}
    data = msgspec.json.encode(content).decode().replace("<", "\\u003c")
    return Template(page).substitute(
        data=data, made=time.strftime("%Y-%m-%d", time.gmtime()), srmos=site.srmos
    )
