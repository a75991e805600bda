"""`--cluster`: a Dask scheduler by its address, or SLURM, as an executor."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.running.request import SLURM
from bench.running.workers import Away
from sr_models.data.errors import InputError

_ANSWER_SECONDS = 10
_WORKER_SECONDS = 60


@contextmanager
def opened_cluster(cluster: str, slurm: Mapping[str, str], jobs: int, folder: Path) -> Iterator[Away]:
    """Open the executor that `--cluster` means; raises InputError where nobody answers.

    jobs: SLURM jobs of one array; folder: where their logs and results go, which all of them must see.
    """
    if cluster == SLURM:
        from bench.running.slurm import slurm_jobs

        with slurm_jobs(slurm, jobs, folder) as executor:
            has_gpus = any("gpu" in text for pair in slurm.items() for text in pair)
            yield Away(executor, workers=jobs, most=None, device="cuda" if has_gpus else "cpu")
    else:
        with _dask(cluster) as away:
            yield away


@contextmanager
def _dask(address: str) -> Iterator[Away]:
    try:
        import dask
        from distributed import Client
    except ImportError:
        raise InputError(f"--cluster {address} needs Dask: pip install -e '.[dask]'") from None
    quiet = {"distributed.admin.large-graph-warning-threshold": "1GB"}  # pictures are what we send
    with dask.config.set(quiet):
        try:
            opened: Any = Client  # without types
            client = opened(address, timeout=_ANSWER_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(f"no Dask scheduler answers at {address} ({_first_line(error)})") from None
        with client:
            try:
                client.wait_for_workers(1, timeout=_WORKER_SECONDS)
            except TimeoutError:
                raise InputError(
                    f"no workers at {address}: start some with `dask worker {address} --nthreads 1`"
                ) from None
            workers = sum(client.nthreads().values())
            executor: Executor = client.get_executor(pure=False)
            yield Away(executor, workers, most=max(32, 4 * workers))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
