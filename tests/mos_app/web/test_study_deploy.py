"""What stands in deploy/: nginx as configured there, before two workers, one of them killed."""

import os
import shutil
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine
from studies import make_study

from mos_app.rehearsal.rehearse import Plan, rehearse
from mos_app.rehearsal.scratch import free_port, scratch_server
from mos_app.store.connection import bind_database
from mos_app.store.invites import make_invites
from mos_app.study.definition import Settings, load
from mos_app.study.words import consent_version

DEPLOY = Path(__file__).parents[3] / "deploy"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


@pytest.fixture
def behind_nginx(tmp_path, postgres_url) -> Iterator[str]:
    """The address of deploy/nginx.conf before two workers on PostgreSQL."""
    make_study(tmp_path, settings=Settings(raters=500, break_every=0))
    with scratch_server(tmp_path / "study", postgres_url, workers=2) as address:
        port = free_port()
        text = (DEPLOY / "nginx.conf").read_text()
        assert "listen 80;" in text
        assert "server study:8501;" in text
        text = text.replace("listen 80;", f"listen 127.0.0.1:{port};")
        text = text.replace("server study:8501;", f"server {address.removeprefix('http://')};")
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


def test_people_rate_through_nginx_and_headers_they_invent_are_ignored(behind_nginx, tmp_path, postgres_url):
    db = bind_database(load(tmp_path / "study"), postgres_url)
    (code,) = make_invites(db, 1, reusable=True)
    consent = consent_version(db.study, "en")
    message = {"invite": code, "consent": consent, "language": "en", "nonce": "0" * 32}
    invented = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7", "Origin": behind_nginx}
    with httpx.Client(base_url=behind_nginx) as client:
        entered = client.post("/mos/enter", json=message, headers=invented)
        assert entered.status_code == 201, entered.text
        assert "secure" not in entered.headers["set-cookie"].lower()  # it came by http, whatever they say
        assert client.get("/mos/state").json()["stage"] == "check"
        foreign = client.post("/mos/rested", json={"at": 0}, headers={"Origin": "http://evil.example"})
        assert foreign.status_code == 403
    db.close()


def test_a_client_has_one_bucket_whatever_address_it_claims(behind_nginx):
    """Far over 200 entries at once, each with another X-Forwarded-For, meet the limit of one client."""
    with httpx.Client(base_url=behind_nginx, headers={"Origin": behind_nginx}) as client:

        def enter(number: int) -> int:
            claimed = {"X-Forwarded-For": f"203.0.113.{number % 250}"}
            return client.post("/mos/enter", json={}, headers=claimed).status_code

        assert enter(0) == 400  # let through, and refused for what it says
        with ThreadPoolExecutor(16) as pool:
            told = Counter(pool.map(enter, range(1000)))
    assert set(told) == {400, 429}
    assert told[400] >= 200


def test_streamlits_websocket_goes_through(behind_nginx):
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Origin": behind_nginx,
    }
    with (
        httpx.Client(base_url=behind_nginx) as client,
        client.stream("GET", "/_stcore/stream", headers=upgrade) as response,
    ):
        assert response.status_code == 101


def test_health_is_the_databases(tmp_path, postgres_server):
    name = "test_health"
    server = create_engine(
        f"{postgres_server}/postgres".replace("://", "+pg8000://"), isolation_level="AUTOCOMMIT"
    )
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    make_study(tmp_path)
    with scratch_server(tmp_path / "study", f"{postgres_server}/{name}") as address:
        assert httpx.get(f"{address}/mos/health").status_code == 200
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        answer = httpx.get(f"{address}/mos/health")
        assert (answer.status_code, answer.json()) == (503, {"error": "the database does not answer"})
    server.dispose()


def test_a_worker_that_is_killed_under_load_loses_nothing_that_was_acknowledged(
    tmp_path, postgres_url, monkeypatch
):
    study = make_study(tmp_path, settings=Settings(raters=20, break_every=0))
    killed = []

    @contextmanager
    def with_a_death(*arguments, **options):
        with scratch_server(*arguments, **options) as address:

            def kill() -> None:
                killed.append(_workers_of(address)[0])
                os.kill(killed[0], signal.SIGKILL)

            timer = threading.Timer(2.0, kill)
            timer.start()
            yield address
            timer.join()

    monkeypatch.setattr("mos_app.rehearsal.rehearse.scratch_server", with_a_death)
    plan = Plan(raters=8, workers=2, think=(0.3, 0.6))
    report = rehearse(tmp_path / "study", plan, database=postgres_url)
    assert len(killed) == 1
    assert report.seconds > 3  # it died while people rated
    assert report.is_clean(), report.text()
    assert report.stored == 8 * len(study.stimuli)


def _workers_of(address: str) -> list[int]:
    """The worker processes of the server at an address."""
    port = address.rpartition(":")[2]
    started = {}
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            started[int(entry.parent.name)] = entry.read_bytes().split(b"\0")
    (server,) = [pid for pid, words in started.items() if b"serve" in words and port.encode() in words]
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return [int(pid) for pid in children if any(b"spawn_main" in word for word in started[int(pid)])]
