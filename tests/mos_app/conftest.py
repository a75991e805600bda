"""What the study tests share: a database of each kind, nginx before two workers."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine
from studies import make_study

from mos_app.rehearsal.scratch import free_port, scratch_server
from mos_app.study.definition import Settings

POSTGRES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)

DEPLOY = Path(__file__).parents[2] / "deploy"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A private PostgreSQL on 127.0.0.1, gone afterwards; yields its URL without a database."""
    if POSTGRES is None:
        pytest.skip("PostgreSQL is not installed")
    # PostgreSQL refuses to run as root, and its user must be able to reach the folder.
    folder = Path("/tmp") / f"srmos-pg-{os.getpid()}"
    folder.mkdir(mode=0o700)
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    port = free_port()
    bin_ = str(POSTGRES)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True, "cwd": "/"}
    subprocess.run(
        [*as_user, f"{bin_}/initdb", "-D", str(folder / "db"), "-U", "srmos", "-A", "trust"], **quiet
    )
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    control = [*as_user, f"{bin_}/pg_ctl", "-D", str(folder / "db"), "-w"]
    subprocess.run([*control, "-o", options, "-l", str(folder / "log"), "start"], **quiet)
    try:
        yield f"postgresql://srmos@127.0.0.1:{port}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
        shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A new, empty PostgreSQL database."""
    name = f"test_{abs(hash(request.node.nodeid)):x}"
    engine = create_engine(
        f"{postgres_server}/postgres".replace("://", "+pg8000://"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield f"{postgres_server}/{name}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def behind_nginx(tmp_path, postgres_url) -> Iterator[str]:
    """The address of deploy/nginx.conf before two workers on PostgreSQL. Tests choose a client's address by
    the header Test-Address.
    """
    make_study(tmp_path, settings=Settings(raters=500, break_every=0))
    with scratch_server(tmp_path / "study", postgres_url, workers=2) as address:
        port = free_port()
        text = (DEPLOY / "nginx.conf").read_text()
        for told, here in (
            ("listen 80;", f"listen 127.0.0.1:{port};"),
            ("server study:8501;", f"server {address.removeprefix('http://')};"),
            ("server_tokens off;", "set_real_ip_from 127.0.0.1; real_ip_header Test-Address;"),
        ):
            assert told in text
            text = text.replace(told, here)
        config = tmp_path / "nginx.conf"
        config.write_text(f"daemon off; pid {tmp_path}/nginx.pid;\n{text}")
        process = subprocess.Popen([NGINX, "-e", str(tmp_path / "error.log"), "-c", str(config)])
        try:
            _wait_for(f"http://127.0.0.1:{port}/mos/health", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_for(address: str, process: subprocess.Popen) -> None:
    transport = httpx.HTTPTransport(retries=8)
    with httpx.Client(transport=transport) as client:
        assert process.poll() is None
        assert client.get(address).json() == {"study": "study"}
