"""Simulated raters who go through the real routes, on a scratch database, and check every stored row."""

import asyncio
import hashlib
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np

from mos_app.rehearsal.scratch import scratch_database, scratch_server
from mos_app.store.connection import Database, bind_database, url_for
from mos_app.store.exchange import export
from mos_app.store.invites import make_invites
from mos_app.store.ratings import rating_rows
from mos_app.study.clock import now_text
from mos_app.study.definition import Study, load
from mos_app.study.words import consent_version
from mos_app.web.routes import RATINGS_PER_SECOND

TOLD_ERRORS = 5
_PAUSES = (0.2, 0.5, 1, 2, 4)
"""Seconds before a request without an answer is sent again."""

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """Who rehearses: how many, how long they think, how much they do."""

    raters: int = 3
    limit: int | None = None
    think: tuple[float, float] = (0.0, 0.0)
    seed: int = 0
    arrive: float = 0.0
    """Seconds within which all of them come, evenly."""
    workers: int = 1
    """Processes of the server; more than one needs PostgreSQL."""


@dataclass
class Report:
    """What happened, and whether the database holds exactly what was acknowledged."""

    raters: int
    acknowledged: int = 0
    stored: int = 0
    wrong: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    waits: int = 0
    resent: int = 0
    """Requests without an answer, sent again as the page does."""
    entries: list[float] = field(default_factory=list)
    """Seconds from a click on "begin" to being in, waits and resends included."""
    latencies: list[float] = field(default_factory=list)
    """Seconds of each rating's request."""
    seconds: float = 0.0

    def is_clean(self) -> bool:
        """Return whether nothing was lost, doubled, misplaced or refused."""
        return not self.wrong and not self.errors and self.acknowledged == self.stored > 0

    def percentile_ms(self, share: float) -> float:
        """Return the time of a rating's request that `share` percent stayed under, in ms."""
        return _percentile_ms(self.latencies, share)

    def entering_ms(self, share: float) -> float:
        """Return the time of entering that `share` percent of the people stayed under, in ms."""
        return _percentile_ms(self.entries, share)

    def text(self) -> str:
        """Return the report for people."""
        lines = [
            f"{self.raters} simulated raters, {self.acknowledged} ratings acknowledged, "
            f"{self.stored} stored, {len(self.wrong)} wrong, {len(self.errors)} errors, "
            f"{self.waits} waits for the rate limit, {self.resent} requests sent again",
            f"{self.seconds:.1f} s, {self.acknowledged / max(self.seconds, 1e-9):.1f} ratings/s; "
            f"a rating took p50 {self.percentile_ms(50):.0f} ms, p95 {self.percentile_ms(95):.0f} ms, "
            f"max {self.percentile_ms(100):.0f} ms; "
            f"entering p50 {self.entering_ms(50):.0f} ms, p95 {self.entering_ms(95):.0f} ms",
        ]
        return "\n".join([*lines, *self.wrong[:TOLD_ERRORS], *self.errors[:TOLD_ERRORS]])


def _percentile_ms(seconds: list[float], share: float) -> float:
    return float(np.percentile(seconds, share)) * 1000 if seconds else float("nan")


def rehearse(
    folder: str | Path, plan: Plan, *, database: str | None = None, export_to: Path | None = None
) -> Report:
    """Return how the simulated raters fared. The study's own database is not touched."""
    study = load(folder)
    with scratch_database(url_for(Path(folder), database)) as url:
        db = bind_database(study, url)
        codes = make_invites(db, plan.raters)
        with scratch_server(Path(folder), url, workers=plan.workers) as address:
            report, answers = _in_own_loop(_all_raters(study, address, codes, plan))
        _compare(db, answers, report)
        if export_to is not None:
            export(db, export_to)
        db.close()
    return report


def _in_own_loop(work: Coroutine[Any, Any, T]) -> T:
    """Return what work returns; a thread of its own, because a notebook's thread runs a loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass(frozen=True)
class _Answered:
    rater: str
    score: int
    sha256: str
    """Of the bytes that were on the (simulated) screen."""


async def _all_raters(
    study: Study, address: str, codes: list[str], plan: Plan
) -> tuple[Report, dict[str, _Answered]]:
    report = Report(plan.raters)
    answers: dict[str, _Answered] = {}
    people = [
        _Person(study, address, code, plan, number, report, answers) for number, code in enumerate(codes)
    ]
    start = time.monotonic()
    await asyncio.gather(*(person.take_part() for person in people))
    report.seconds = time.monotonic() - start
    report.acknowledged = len(answers)
    return report, answers


@dataclass
class _Person:
    """A simulated rater: sees the bytes, knows no names, thinks a while, answers."""

    study: Study
    address: str
    code: str
    plan: Plan
    number: int
    report: Report
    answers: dict[str, _Answered]

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.plan.seed, self.number])
        self.taste = _Taste(self.study, self.plan.seed)
        self.bias = self.rng.normal(0, 0.3)
        self.client = httpx.AsyncClient(base_url=self.address, headers={"Origin": self.address}, timeout=30)
        self.rater = ""

    async def take_part(self) -> None:
        async with self.client:
            language = self.study.settings.language
            await asyncio.sleep(self.plan.arrive * self.number / self.plan.raters)
            came = time.monotonic()
            entered = await self._send(
                "enter",
                {
                    "invite": self.code,
                    "consent": consent_version(self.study, language),
                    "language": language,
                    "nonce": self.rng.bytes(16).hex(),
                },
            )
            if entered is None:
                return
            self.report.entries.append(time.monotonic() - came)
            self.rater = entered["rater"]
            await self._send("check", {"rater": self.rater, **_CHECKED})
            while await self._next_few():
                pass

    async def _next_few(self) -> bool:
        """Rate what the server says comes next; False at the end."""
        told = await self._request("GET", "/mos/state")
        if told is None:
            return False
        state = told.json()
        if state["stage"] in ("instructions", "ready", "break", "more"):
            return await self._send("rested", {"rater": self.rater, "at": state["done"]}) is not None
        for item in state["upcoming"]:
            if self.plan.limit is not None and item["position"] >= self.plan.limit:
                return False
            if not await self._rate(item):
                return False
        return str(state["stage"]) != "thanks"

    async def _rate(self, item: dict[str, Any]) -> bool:
        shown = await self._request("GET", f"/mos/picture/{item['id']}")
        if shown is None:
            return False
        digest = hashlib.sha256(shown.content).hexdigest()
        began = time.monotonic()
        await asyncio.sleep(float(self.rng.uniform(*self.plan.think)))
        score = self._score(item, digest)
        answer = _answer(item, score, max(time.monotonic() - began, 0.3))
        if await self._send("rate", answer, timed=True) is None:
            return False
        if item["id"] in self.answers:
            self.report.wrong.append(f"{item['id']} was due twice")
        self.answers[item["id"]] = _Answered(self.rater, score, digest)
        return True

    def _score(self, item: dict[str, Any], digest: str) -> int:
        if item["practice"]:
            return int(item["expected"])
        opinion = self.taste.of(digest) + self.bias + self.rng.normal(0, 0.6)
        top = 2 if self.study.settings.method == "pairs" else 5
        return int(np.clip(round(opinion), 1, top))

    async def _send(
        self, path: str, message: dict[str, Any], *, timed: bool = False
    ) -> dict[str, Any] | None:
        """Return the answer; the rate limit is obeyed, any other refusal is an error of the rehearsal."""
        while True:
            start = time.monotonic()
            response = await self._request("POST", f"/mos/{path}", json=message)
            if response is None:
                return None
            if response.status_code == 429:
                self.report.waits += 1
                await asyncio.sleep(1 / RATINGS_PER_SECOND)
                continue
            if timed:
                self.report.latencies.append(time.monotonic() - start)
            if response.is_success:
                return dict(response.json())
            self.report.errors.append(f"{path}: {response.status_code} {response.text[:80]}")
            return None

    async def _request(self, method: str, path: str, **what: Any) -> httpx.Response | None:
        """Return the answer; where there is none, send again for a while, as the page does."""
        for pause in _PAUSES:
            try:
                return await self.client.request(method, path, **what)
            except httpx.TransportError:
                self.report.resent += 1
                await asyncio.sleep(pause)
        self.report.errors.append(f"{path}: no answer in {len(_PAUSES)} attempts")
        return None


_KNOWN_QUALITY = {"nearest": 1.3, "bicubic": 2.1, "hr": 4.5}


class _Taste:
    """What simulated people think of each picture: the same for all, from its bytes alone."""

    def __init__(self, study: Study, seed: int) -> None:
        rng = np.random.default_rng([seed, 7])
        methods = sorted({item.method for item in study.rated})
        quality = {method: _KNOWN_QUALITY.get(method, float(rng.uniform(2.3, 4.2))) for method in methods}
        self._by_sha = {item.sha256: quality[item.method] + rng.normal(0, 0.3) for item in study.rated}

    def of(self, digest: str) -> float:
        return float(self._by_sha.get(digest, 3.0))


def _answer(item: dict[str, Any], score: int, seconds: float) -> dict[str, Any]:
    return {
        "presentation": item["id"],
        "score": score,
        "seconds": round(seconds, 3),
        "shown_at": now_text(datetime.now(UTC)),
        "device_pixel_ratio": 1.0,
        "rect": [0, 0, item["width"], item["height"]],
        "viewport": "1920x1080",
        "visible": True,
        "fullscreen": False,
    }


_CHECKED = {
    "device_pixel_ratio": 1.0,
    "viewport": "1920x1080",
    "screen": "1920x1080",
    "zoom_percent": 100,
    "dark_steps": 6,
    "light_steps": 6,
    "touch": False,
}


def _compare(db: Database, answers: dict[str, _Answered], report: Report) -> None:
    """Every stored row must be one acknowledged answer, on the picture whose bytes were served."""
    rows = {row["presentation"]: row for row in rating_rows(db)}
    report.stored = len(rows)
    report.wrong += [f"{key} was acknowledged and is not stored" for key in answers.keys() - rows.keys()]
    report.wrong += [f"{key} is stored and was never acknowledged" for key in rows.keys() - answers.keys()]
    for key in answers.keys() & rows.keys():
        row, answer = rows[key], answers[key]
        if (row["rater"], row["score"]) != (answer.rater, answer.score):
            report.wrong.append(f"{key} is stored with another rater or score")
        if db.study.by_id[row["stimulus"]].sha256 != answer.sha256:
            report.wrong.append(f"{key} showed another picture than it is stored for")
