"""A server and a database for a while: for rehearsals, and for tests."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from mos_app.store.connection import cannot_open
from sr_models.data.errors import InputError

START_SECONDS = 60.0


@contextmanager
def scratch_database(url: str) -> Iterator[str]:
    """Yield the URL of a new, empty database of the same kind, gone afterwards."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        folder = Path(tempfile.mkdtemp(prefix="srmos-rehearsal-"))
        try:
            yield f"sqlite:///{folder / 'rehearsal.db'}"
        finally:
            shutil.rmtree(folder)
        return
    name = f"srmos_rehearsal_{secrets.token_hex(4)}"
    server = create_engine(parsed.set(drivername="postgresql+pg8000"), isolation_level="AUTOCOMMIT")
    try:
        with server.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    except DBAPIError as error:
        raise cannot_open(error) from None
    try:
        yield parsed.set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
        server.dispose()


@contextmanager
def scratch_server(folder: Path, database: str, *, workers: int = 1) -> Iterator[str]:
    """Yield the address of a `mos serve` of its own, stopped afterwards."""
    port = free_port()
    environment = {**os.environ, "SRMOS_DATABASE": database, "SRMOS_ADMIN_PASSWORD": secrets.token_hex(12)}
    command = [sys.executable, "-m", "mos_app", "serve", str(folder), "--port", str(port)]
    command += ["--workers", str(workers)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_up(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_up(address: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the server answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise InputError("the server did not start; `mos serve` says why")
        try:
            httpx.get(f"{address}/_stcore/health", timeout=1)
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise InputError(f"the server did not answer within {START_SECONDS:.0f} s")
