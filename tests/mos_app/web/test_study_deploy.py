"""What stands in deploy/: nginx as configured there, before two workers, one of them killed."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from sqlalchemy import create_engine
from studies import make_study

from mos_app.rehearsal.rehearse import Plan, rehearse
from mos_app.rehearsal.scratch import scratch_server
from mos_app.store.connection import bind_database
from mos_app.store.invites import make_invites
from mos_app.study.definition import Settings, load
from mos_app.study.words import consent_version

DEPLOY = Path(__file__).parents[3] / "deploy"


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
        claimed = [{"X-Forwarded-For": f"203.0.113.{number % 250}"} for number in range(1000)]
        assert _statuses(client, "/mos/enter", claimed[:1]) == {
            400: 1
        }  # let through, and refused for what it says
        told = _statuses(client, "/mos/enter", claimed)
    assert set(told) == {400, 429}
    assert told[400] >= 200


def _statuses(client: httpx.Client, path: str, headers: Sequence[dict[str, str]]) -> Counter[int]:
    with ThreadPoolExecutor(16) as pool:
        return Counter(pool.map(lambda more: client.post(path, json={}, headers=more).status_code, headers))


def test_the_limits_of_ratings_count_for_all_workers_together_and_each_rater_for_themselves(behind_nginx):
    """A session that no worker knows is in none of their limits: what refuses it is nginx."""
    with httpx.Client(base_url=behind_nginx, headers={"Origin": behind_nginx}) as client:

        def rated_as(session: str, count: int) -> Counter[int]:
            return _statuses(client, "/mos/rate", [{"Cookie": f"a=b; srmos_01234567={session}"}] * count)

        fast = rated_as("a" * 64, 200)
        assert set(fast) == {400, 429}
        assert fast[400] >= 26
        assert rated_as("b" * 64, 20) == {400: 20}  # the same address, another rater


def test_an_ipv6_client_has_one_bucket_for_the_addresses_that_it_may_choose(behind_nginx):
    with httpx.Client(base_url=behind_nginx, headers={"Origin": behind_nginx}) as client:

        def entered_from(network: str, count: int) -> Counter[int]:
            addresses = [{"Test-Address": f"{network}:a:b:c:{number:x}"} for number in range(1, count + 1)]
            return _statuses(client, "/mos/enter", addresses)

        assert set(entered_from("2001:db8:1:2", 1000)) == {400, 429}
        assert entered_from("2001:db8:1:3", 20) == {400: 20}


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
