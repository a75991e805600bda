"""`bench pull`: somebody's published rows beside one's own, marked as theirs."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.metric import METRICS
from bench.page.sharing.site import INDEX, PublishedRun, read_site
from bench.protocols.presets import PROTOCOLS
from bench.store.rows import Score
from bench.store.table import Table, writing
from bench.store.theirs import theirs_table
from sr_models.data.errors import InputError
from sr_models.data.fetch import download, sha256_of
from sr_models.data.names import check_name


@dataclass(frozen=True)
class Pulled:
    """What came of one published run."""

    name: str
    """What its rows are marked with."""
    rows: int
    unknown: tuple[str, ...]
    """Protocols and metrics that this srmos does not know; their rows were left there."""


def pull(source: str, results: Path, *, name: str = "") -> list[Pulled]:
    """Add the runs of a site (URL or folder of a `bench publish`) to a results folder.

    Rows go to theirs/<name>.csv with their values, signatures and keys as they were published, and never into
    scores.csv; a run that was pulled before is replaced. `name` marks them; default: the run's own name.
    Raises InputError where there is no site, or a file is not what the site says.
    """
    if name:
        check_name(name)
    with tempfile.TemporaryDirectory(prefix="bench-pull-") as temporary:
        place = Path(temporary)
        site = read_site(_got(source, INDEX, place, ""))
        for run in site.runs:
            check_name(run.name)
        found = [(run, _rows(source, run, place)) for run in site.runs]
    with writing(results):
        return [_kept(rows, results, _mark(run, name, len(found))) for run, rows in found]


def _got(source: str, path: str, place: Path, sha256: str) -> Path:
    """A file of the site, verified."""
    if source.startswith(("http://", "https://")):
        target = place / path
        download(f"{source.rstrip('/')}/{path}", target, sha256)
        return target
    found = Path(source) / path
    if not found.is_file():
        raise InputError(f"{source} holds no {path}: expected a URL or a folder that `bench publish` wrote")
    if sha256 and sha256_of(found) != sha256:
        raise InputError(f"{found} has changed since it was published: its hash is not the one in {INDEX}")
    return found


def _rows(source: str, run: PublishedRun, place: Path) -> list[Score]:
    return list(Table(_got(source, f"{run.name}/scores.csv", place, run.scores_sha256), Score))


def _mark(run: PublishedRun, name: str, count: int) -> str:
    if not name:
        return run.name
    return name if count == 1 else f"{name}-{run.name}"


def _kept(rows: list[Score], results: Path, name: str) -> Pulled:
    known = [row for row in rows if row.protocol in PROTOCOLS and row.metric in METRICS]
    unknown = {row.protocol for row in rows} - {*PROTOCOLS} | {row.metric for row in rows} - {
        *METRICS.names()
    }
    table = theirs_table(results, name)
    table.drop([row.identity for row in table])
    table.add(known)
    table.merge()
    return Pulled(name, len(known), tuple(sorted(unknown)))
