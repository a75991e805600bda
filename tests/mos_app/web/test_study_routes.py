"""The routes against the real server: hostile requests, what answers may say, headers, cookies, limits."""

import hashlib
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from studies import SENTINELS, Served, answer, make_study, new_rater, newcomer

from mos_app.store.codes import RateLimit
from mos_app.store.connection import Database, open_database
from mos_app.store.invites import make_invites
from mos_app.store.raters import rater_rows
from mos_app.store.ratings import rating_rows, upcoming
from mos_app.study.definition import Settings
from mos_app.web.pages import modules, modules_version
from mos_app.web.routes import LOOKAHEAD, RATINGS_BURST, cookie_name

TEN_MB = 10 * 2**20


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict:
        return json.loads(self.body)


@dataclass
class Hall:
    """A served study and one rater in it."""

    served: Served
    db: Database
    rater: str = ""
    cookie: str = ""

    def newcomer(self) -> "Hall":
        rater, token = new_rater(self.db)
        return Hall(self.served, self.db, rater, f"{cookie_name(self.db.study)}={token}")

    def due(self, ahead: int = 0) -> str:
        return upcoming(self.db, self.rater, ahead + 1)[ahead].id

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Send exactly these bytes; a header given as '' is left out."""
        usual = {"Cookie": self.cookie, "Origin": self.served.address, "Content-Type": "application/json"}
        sent = {name: value for name, value in {**usual, **_named(headers)}.items() if value}
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=20)
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        except (BrokenPipeError, ConnectionResetError):  # the server hung up in the middle of a large body
            return Reply(413, {}, b"")
        finally:
            connection.close()

    def rate(self, **fields: object) -> Reply:
        message = {**msgspec.to_builtins(answer(self.due())), **fields}
        return self.ask("POST", "/mos/rate", json.dumps(message).encode())


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-").title(): value for name, value in headers.items()}


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    folder = tmp_path_factory.mktemp("routes")
    make_study(
        folder, settings=Settings(break_every=0), sizes=((64, 48), (80, 60), (72, 48), (60, 60), (96, 64))
    )
    served = Served(folder / "study").start()
    db = open_database(folder / "study")
    yield Hall(served, db)
    db.close()
    served.stop()


@pytest.fixture(scope="module")
def stranger(hall: Hall) -> Hall:
    return hall.newcomer()


@pytest.fixture(scope="module")
def rater(hall: Hall) -> Hall:
    return hall.newcomer()


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


BAD_FIELDS = {
    "score 0": {"score": 0},
    "score 6": {"score": 6},
    "score -1": {"score": -1},
    "score 5; drop": {"score": "5; drop"},
    "score as text": {"score": "5"},
    "score 4.5": {"score": 4.5},
    "score true": {"score": True},
    "score null": {"score": None},
    "score list": {"score": [5]},
    "score huge": {"score": 10**30},
    "seconds negative": {"seconds": -0.1},
    "seconds a week": {"seconds": 604_800},
    "seconds text": {"seconds": "1"},
    "ratio 0": {"device_pixel_ratio": 0},
    "ratio 17": {"device_pixel_ratio": 17},
    "rect short": {"rect": [0, 0, 1]},
    "rect huge": {"rect": [0, 0, 1e9, 1]},
    "rect of text": {"rect": ["a", 0, 1, 1]},
    "viewport free text": {"viewport": "<script>alert(1)</script>"},
    "time free text": {"shown_at": "yesterday'); DROP TABLE ratings;--"},
    "visible as text": {"visible": "yes"},
    "unknown field": {"rater": "somebody"},
    "presentation empty": {"presentation": ""},
    "presentation with quote": {"presentation": "' OR 1=1 --aaaaaaaaaa"},
    "presentation a path": {"presentation": "../../../../etc/passwd"},
    "presentation unknown": {"presentation": "a" * 22},
    "presentation a number": {"presentation": 1},
    "presentation with NUL": {"presentation": "a" * 21 + "\x00"},
}


@pytest.mark.parametrize("fields", BAD_FIELDS.values(), ids=BAD_FIELDS.keys())
def test_a_malformed_answer_is_refused_shortly_and_not_stored(hall, fields):
    fresh = hall.newcomer()
    reply = fresh.rate(**fields)
    assert 400 <= reply.status < 500
    assert len(reply.body) < 80
    assert upcoming(fresh.db, fresh.rater, 1)[0].position == 0


def _raw_cases() -> dict[str, tuple]:
    rate, enter = "/mos/rate", "/mos/enter"
    return {
        "no cookie": ("POST", rate, b"{}", {"cookie": ""}),
        "forged cookie": ("POST", rate, b"{}", {"cookie": "srmos_00000000=" + "a" * 40}),
        "another site's post": ("POST", rate, b"{}", {"origin": "https://evil.example"}),
        "origin null": ("POST", rate, b"{}", {"origin": "null"}),
        "no origin": ("POST", rate, b"{}", {"origin": ""}),
        "origin with our name inside": ("POST", rate, b"{}", {"origin": "http://127.0.0.1.evil.example"}),
        "form": ("POST", rate, b"score=5", {"content_type": "application/x-www-form-urlencoded"}),
        "plain text": ("POST", rate, b"{}", {"content_type": "text/plain"}),
        "no content type": ("POST", rate, b"{}", {"content_type": ""}),
        "not JSON": ("POST", rate, b"score 5", {}),
        "cut JSON": ("POST", rate, b'{"score":', {}),
        "not UTF-8": ("POST", rate, b'{"presentation":"\xff\xfe"}', {}),
        "a list": ("POST", rate, b"[]", {}),
        "nothing": ("POST", rate, b"", {}),
        "deep nesting": ("POST", rate, b"[" * 8000, {}),
        "10 MB": ("POST", rate, b'{"a":"' + b"x" * TEN_MB + b'"}', {}),
        "10 MB to enter": ("POST", enter, b"x" * TEN_MB, {}),
        "GET of a post": ("GET", rate, None, {}),
        "DELETE": ("DELETE", rate, None, {}),
        "PUT a picture": ("PUT", "/mos/picture/" + "a" * 22, b"x", {}),
        "unknown route": ("GET", "/mos/ratings", None, {}),
        "unknown picture": ("GET", "/mos/picture/" + "a" * 22, None, {}),
        "picture by path": ("GET", "/mos/picture/../../study.json", None, {}),
        "picture by encoded path": ("GET", "/mos/picture/%2e%2e%2f%2e%2e%2fstudy.json", None, {}),
        "picture by double encoding": ("GET", "/mos/picture/%252e%252e%252fstudy.db", None, {}),
        "picture by backslash": ("GET", "/mos/picture/..\\..\\study.json", None, {}),
        "picture by absolute path": ("GET", "/mos/picture//etc/passwd", None, {}),
        "picture with NUL": ("GET", "/mos/picture/aaaa%00.png", None, {}),
        "picture without cookie": ("GET", "/mos/picture/" + "a" * 22, None, {"cookie": ""}),
        "state without cookie": ("GET", "/mos/state", None, {"cookie": ""}),
        "forged invite": ("POST", enter, body(invite="a" * 26, consent="0" * 12, language="en"), {}),
        "invite of SQL": ("POST", enter, body(invite="' OR '1'='1", consent="0" * 12, language="en"), {}),
        "invite too long": ("POST", enter, body(invite="a" * 65, consent="0" * 12, language="en"), {}),
        "no consent": ("POST", enter, body(invite="a" * 26, language="en"), {}),
        "unknown language": ("POST", enter, body(invite="a" * 26, consent="0" * 12, language="tlh"), {}),
        "panel with markup": (
            "POST",
            enter,
            body(invite="a", consent="0" * 12, language="en", panel="<b>"),
            {},
        ),
        "check without fields": ("POST", "/mos/check", b"{}", {}),
        "break at a negative number": ("POST", "/mos/rested", body(at=-1), {}),
        "Streamlit's metrics": ("GET", "/_stcore/metrics", None, {}),
        "Streamlit's upload": ("PUT", "/_stcore/upload_file/a/b", b"x", {}),
        "Streamlit's agent": ("POST", "/_stcore/agent/interact", b"{}", {}),
        "Streamlit's old components": ("GET", "/component/x/index.html", None, {}),
        "Streamlit's media": ("GET", "/media/" + "a" * 40 + ".png", None, {}),
    }


@pytest.mark.parametrize("case", _raw_cases().values(), ids=_raw_cases().keys())
def test_a_hostile_request_gets_a_short_refusal_and_changes_nothing(hall, rater, case):
    method, path, sent, headers = case
    before = (len(rating_rows(hall.db)), len(rater_rows(hall.db)))
    reply = rater.ask(method, path, sent, **headers)
    assert 400 <= reply.status < 500
    assert len(reply.body) < 200
    assert b"Traceback" not in reply.body
    assert (len(rating_rows(hall.db)), len(rater_rows(hall.db))) == before


@pytest.mark.parametrize(
    "path",
    [
        "/study.json",
        "/study.db",
        "/pictures/",
        "/app/static/study.json",
        "/mos_app/screens/app.py",
        "/../study.json",
        "/%2e%2e/study.db",
    ],
)
def test_no_file_of_the_study_is_served_under_its_name(hall, rater, path):
    reply = rater.ask("GET", path)
    frozen = [(hall.served.folder / name).read_bytes()[:64] for name in ("study.json", "study.db")]
    assert not any(beginning in reply.body for beginning in frozen)
    assert b"stimuli" not in reply.body


def test_another_raters_presentation_is_not_there(rater, stranger):
    reply = rater.rate(presentation=stranger.due())
    assert reply.status == 404
    assert rater.ask("GET", f"/mos/picture/{stranger.due()}").status == 404


def test_a_finished_presentation_is_confirmed_or_refused_and_its_picture_is_gone(hall):
    fresh = hall.newcomer()
    first = fresh.due()
    assert fresh.rate(score=4).status == 200
    assert fresh.rate(presentation=first, score=4).status == 200
    assert fresh.rate(presentation=first, score=5).status == 409
    assert fresh.ask("GET", f"/mos/picture/{first}").status == 404


def test_a_presentation_not_yet_due_is_refused(hall):
    fresh = hall.newcomer()
    assert fresh.rate(presentation=fresh.due(ahead=1)).status == 409
    assert fresh.ask("GET", f"/mos/picture/{fresh.due(ahead=LOOKAHEAD - 1)}").status == 200
    assert fresh.ask("GET", f"/mos/picture/{fresh.due(ahead=LOOKAHEAD)}").status == 404


def test_the_bytes_served_have_the_studys_sha256_and_no_telling_header(hall):
    fresh = hall.newcomer()
    for item in upcoming(hall.db, fresh.rater, LOOKAHEAD):
        reply = fresh.ask("GET", f"/mos/picture/{item.id}")
        stimulus = hall.db.study.by_id[item.stimulus]
        assert hashlib.sha256(reply.body).hexdigest() == stimulus.sha256
        assert reply.headers["content-type"] == "image/png"
        assert reply.headers["cache-control"] == "no-store"
        assert not {"etag", "last-modified", "content-disposition", "server"} & reply.headers.keys()


def test_a_picture_that_was_changed_on_disk_is_not_shown(tmp_path):
    make_study(tmp_path)
    served = Served(tmp_path / "study").start()
    db = open_database(tmp_path / "study")
    fresh = Hall(served, db).newcomer()
    stimulus = db.study.by_id[upcoming(db, fresh.rater, 1)[0].stimulus]
    (tmp_path / "study" / stimulus.file).write_bytes(b"\x89PNG another")
    reply = fresh.ask("GET", f"/mos/picture/{fresh.due()}")
    assert (reply.status, reply.json()) == (503, {"error": "this picture is not available now"})
    db.close()
    served.stop()


def test_the_screens_modules_are_served_under_an_address_that_names_their_content(rater):
    reply = rater.ask("GET", f"/mos/pages/{modules_version()}/rate.js", cookie="")
    assert (reply.status, reply.body) == (200, modules()["rate.js"])
    assert reply.headers["content-type"].startswith("text/javascript")
    assert "immutable" in reply.headers["cache-control"]
    for path in ("0" * 12 + "/rate.js", f"{modules_version()}/nothing.js", f"{modules_version()}/page.css"):
        assert rater.ask("GET", f"/mos/pages/{path}").status == 404


def test_every_response_carries_the_security_headers(rater):
    for path in ("/", "/mos/state", "/mos/nothing", "/_stcore/health", "/_stcore/metrics"):
        headers = rater.ask("GET", path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"


def test_the_session_cookie_cannot_be_read_by_scripts_or_sent_by_other_sites(hall):
    message = msgspec.json.encode(newcomer(hall.db.study, make_invites(hall.db, 1)[0]))
    reply = hall.ask("POST", "/mos/enter", message)
    assert reply.status == 201
    cookie = reply.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie  # plain http here; behind TLS it is set, see the next test


def test_behind_tls_the_cookie_is_for_tls_only(hall):
    message = msgspec.json.encode(newcomer(hall.db.study, make_invites(hall.db, 1)[0]))
    reply = hall.ask("POST", "/mos/enter", message, x_forwarded_proto="https")
    assert "secure" in reply.headers["set-cookie"].lower()


def test_a_rater_who_sends_too_fast_is_slowed_down_and_nobody_else_is(hall):
    fast, slow = hall.newcomer(), hall.newcomer()
    first = fast.due()
    replies = [fast.rate(presentation=first, score=3) for _ in range(RATINGS_BURST + 10)]
    refused = [reply for reply in replies if reply.status == 429]
    assert refused
    assert refused[0].headers["retry-after"] == "1"
    assert slow.rate(score=3).status == 200


def test_the_limit_lets_a_burst_through_and_then_the_stated_rate():
    now = [0.0]
    limit = RateLimit(per_second=5.0, burst=25, clock=lambda: now[0])
    assert [limit.wait_for("a") for _ in range(25)] == [0.0] * 25
    assert limit.wait_for("a") == pytest.approx(0.2)
    assert limit.wait_for("b") == 0.0
    now[0] = 0.2
    assert limit.wait_for("a") == 0.0


def test_no_method_name_is_in_any_answer_to_a_rater(hall):
    fresh = hall.newcomer()
    answers = [fresh.ask("GET", "/").body]
    while upcoming(hall.db, fresh.rater, 1):
        answers.append(fresh.ask("GET", "/mos/state").body)
        reply = fresh.ask("GET", f"/mos/picture/{fresh.due()}")
        answers += [reply.body, str(reply.headers).encode()]
        reply = fresh.rate(score=2)
        while reply.status == 429:
            reply = fresh.rate(score=2)
        answers += [reply.body, str(reply.headers).encode()]
    answers.append(fresh.ask("GET", "/mos/state").body)
    for name in SENTINELS[:3]:
        assert not any(name.encode() in text for text in answers)


def test_no_address_of_a_rater_is_stored_or_logged(tmp_path: Path):
    import subprocess
    import sys

    from mos_app.rehearsal.scratch import free_port, wait_until_up

    make_study(tmp_path)
    port = free_port()
    log = (tmp_path / "log").open("wb")
    command = [sys.executable, "-m", "mos_app", "serve", str(tmp_path / "study"), "--port", str(port)]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    wait_until_up(f"http://127.0.0.1:{port}", process)
    db = open_database(tmp_path / "study")
    fresh = Hall(Served(tmp_path / "study", port), db).newcomer()
    assert fresh.rate(score=3).status == 200
    process.terminate()
    process.wait(timeout=20)
    log.close()
    written = (tmp_path / "log").read_text()
    assert written.count("127.0.0.1") == 1  # our own address, told at the start
    assert "password, shown this once" in written
    assert b"127.0.0.1" not in (tmp_path / "study" / "study.db").read_bytes()
    db.close()
