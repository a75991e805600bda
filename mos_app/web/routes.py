"""The routes that a rater's browser talks to; Streamlit shows the screens, these keep the ratings."""

import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from anyio import CapacityLimiter, to_thread
from msgspec.structs import asdict
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from mos_app.store.admin import admits
from mos_app.store.codes import RateLimit, client_of
from mos_app.store.connection import Database
from mos_app.store.raters import (
    Newcomer,
    come_back,
    enter,
    leave,
    rater_of,
    save_check,
    save_rest,
    with_new_blocks,
)
from mos_app.store.ratings import Answer, pace, pictures_of, store_rating, upcoming
from mos_app.store.refusal import RefusedError
from mos_app.store.state import standing
from mos_app.study.definition import Study
from mos_app.study.people import Presentation, Rater
from mos_app.study.stages import block_end, calibration_count, seconds_left, stage_of
from mos_app.study.viewing import gates, problems
from mos_app.web.files import exported_zip
from mos_app.web.guard import check_origin, message_in
from mos_app.web.messages import Check, ComeBack, Enter, Rate, Rested
from mos_app.web.pages import modules, modules_version

LOOKAHEAD = 12
"""Pictures a browser may fetch before they are due: enough for ten seconds without a network."""
RATINGS_PER_SECOND = 5.0
RATINGS_BURST = 25
ENTRIES_PER_SECOND = 20.0
ENTRIES_BURST = 200
ENTERING_AT_ONCE = 2
"""In each worker: one draws an order while another one's is stored."""
SESSION_DAYS = 90

log = logging.getLogger("srmos")
Endpoint = Callable[[Request], Awaitable[Response]]
M = TypeVar("M", Check, Rested, Rate)


def cookie_name(study: Study) -> str:
    """Return the session cookie's name; two studies on one host do not share it."""
    return f"srmos_{study.fingerprint[:8]}"


@dataclass(frozen=True)
class RatingRoutes:
    """The HTTP side of one study."""

    db: Database
    folder: Path
    public_origin: str | None = None
    answers: RateLimit = field(default_factory=lambda: RateLimit(RATINGS_PER_SECOND, RATINGS_BURST))
    entries: RateLimit = field(default_factory=lambda: RateLimit(ENTRIES_PER_SECOND, ENTRIES_BURST))

    entering: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(ENTERING_AT_ONCE))
    """Many who come together wait outside of the threads and connections that others rate with."""

    def mount(self) -> Mount:
        """Return everything under /mos."""
        return Mount(
            "/mos",
            routes=[
                Route("/enter", _plainly(self.enter), methods=["POST"]),
                Route("/return", _plainly(self.come_back), methods=["POST"]),
                Route("/leave", _plainly(self.leave), methods=["POST"]),
                Route("/check", _plainly(self.check), methods=["POST"]),
                Route("/rested", _plainly(self.rested), methods=["POST"]),
                Route("/rate", _plainly(self.rate), methods=["POST"]),
                Route("/state", _plainly(self.state), methods=["GET"]),
                Route("/files/{ticket}", _plainly(self.files), methods=["GET"]),
                Route("/health", self.health, methods=["GET"]),
                Route("/pages/{version}/{name}", self.page_module, methods=["GET"]),
                Route("/picture/{presentation}", _plainly(self.picture), methods=["GET"]),
                Route("/picture/{presentation}/other", _plainly(self.other_picture), methods=["GET"]),
            ],
        )

    async def enter(self, request: Request) -> Response:
        """A person with an invite begins: the whole order is stored, a session cookie comes back."""
        check_origin(request, self.public_origin)
        message = await message_in(request, Enter)
        _wait(self.entries, client_of(request.client.host) if request.client else "")
        newcomer = Newcomer(**asdict(message))
        rater, token = await to_thread.run_sync(enter, self.db, newcomer, limiter=self.entering)
        return self._signed_in(request, rater, token, 201)

    async def come_back(self, request: Request) -> Response:
        """A person whose browser lost its cookie goes on, by the link that they entered with."""
        check_origin(request, self.public_origin)
        message = await message_in(request, ComeBack)
        _wait(self.entries, client_of(request.client.host) if request.client else "")
        rater, token = await run_in_threadpool(
            come_back, self.db, message.invite, message.nonce, message.name
        )
        return self._signed_in(request, rater, token, 200)

    def _signed_in(self, request: Request, rater: str, token: str, status: int) -> Response:
        response = _json({"rater": rater}, status)
        response.set_cookie(
            cookie_name(self.db.study),
            token,
            max_age=SESSION_DAYS * 86_400,
            httponly=True,
            samesite="strict",
            secure=self._is_https(request),
        )
        return response

    async def leave(self, request: Request) -> Response:
        """The next person on this computer: the session ends, the ratings stay."""
        check_origin(request, self.public_origin)
        name = cookie_name(self.db.study)
        await run_in_threadpool(leave, self.db, request.cookies.get(name))
        response = _json({})
        response.delete_cookie(name, httponly=True, samesite="strict")
        return response

    async def check(self, request: Request) -> Response:
        """The viewing check is done; refused where the study asks for more of a screen than this."""
        await self._take(request, Check, self._keep_check)
        return _json({})

    async def rested(self, request: Request) -> Response:
        """A pause is over."""
        await self._take(request, Rested, lambda rater, message: save_rest(self.db, rater.id, message.at))
        return _json({})

    async def rate(self, request: Request) -> Response:
        """Store a score for the presentation now due; a resend is harmless."""
        message = await self._take(request, Rate, self._keep_rating)
        return _json({"stored": message.presentation})

    async def state(self, request: Request) -> Response:
        """Return where the rater stands and what comes next, up to the next pause."""
        return _json(await run_in_threadpool(self._state_of, self._token(request)))

    async def health(self, _request: Request) -> Response:
        """Whether ratings could be stored now: 200 where the database answers, else 503."""
        try:
            await run_in_threadpool(standing, self.db)
        except SQLAlchemyError:
            return _json({"error": "the database does not answer"}, 503)
        return _json({"study": self.db.study.name})

    async def files(self, request: Request) -> Response:
        """Return all exported files to an admin whose page was given a ticket; they name the methods."""
        if not await run_in_threadpool(admits, self.db, request.path_params["ticket"]):
            raise RefusedError(403, "sign in again")
        if (await run_in_threadpool(standing, self.db)).closed_at is None:
            raise RefusedError(403, "close the study first: these files name the methods")
        return await exported_zip(self.db, self.folder)

    async def page_module(self, request: Request) -> Response:
        """Return a module of the screens; its address names its content, so it may be kept for ever."""
        module = modules().get(request.path_params["name"])
        if module is None or request.path_params["version"] != modules_version():
            return _json({"error": "no such module"}, 404)
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(module, media_type="text/javascript", headers=kept)

    async def picture(self, request: Request) -> Response:
        """Return the untouched bytes of a picture that is due now or soon."""
        return await self._picture(request, other=False)

    async def other_picture(self, request: Request) -> Response:
        """Return the reference (DCR) or the right picture (pairs)."""
        return await self._picture(request, other=True)

    def _state_of(self, token: str | None) -> dict[str, Any]:
        rater, shut = self._rater(token), standing(self.db).shut
        if not shut:
            rater = with_new_blocks(self.db, rater)
        study = self.db.study  # asked for last: it knows every block that the rater has
        end = block_end(rater, study)
        coming = upcoming(self.db, rater.id, LOOKAHEAD)
        return {
            "rater": rater.id,
            "stage": stage_of(rater, study),
            "shut": shut,
            "done": rater.done,
            "total": rater.total,
            "practice": calibration_count(study),
            "block_end": end,
            "seconds_left": round(seconds_left(rater.done, rater.total, pace(self.db, rater.id))),
            "upcoming": [self._coming(item) for item in coming if item.position < end],
        }

    def _coming(self, item: Presentation) -> dict[str, Any]:
        stimulus = self.db.study.by_id[item.stimulus]
        return {
            "id": item.id,
            "position": item.position,
            "practice": item.phase == "calibration",
            "width": stimulus.width,
            "height": stimulus.height,
            "expected": self._expected(item) if item.phase == "calibration" else None,
        }

    def _expected(self, item: Presentation) -> int:
        """Return what a practice picture is an example of; the screen says so after the answer."""
        is_best = any(item.stimulus == anchors.best for anchors in self.db.study.anchors)
        if self.db.study.settings.method == "pairs":
            return 1 if is_best else 2
        return 5 if is_best else 1

    async def _picture(self, request: Request, *, other: bool) -> Response:
        data = await run_in_threadpool(
            self._bytes_for, self._token(request), request.path_params["presentation"], other=other
        )
        return Response(data, media_type="image/png", headers={"Cache-Control": "no-store"})

    def _bytes_for(self, token: str | None, presentation: str, *, other: bool) -> bytes:
        """Return the file's bytes, which must still be those that were frozen."""
        left, right = pictures_of(self.db, token, presentation, LOOKAHEAD)
        identity = right if other else left
        if identity is None:
            raise RefusedError(404, "no such picture")
        stimulus = self.db.study.by_id[identity]
        data = (self.folder / stimulus.file).read_bytes()
        if hashlib.sha256(data).hexdigest() != stimulus.sha256:
            log.error("%s is not the picture that was frozen: put the original file back", stimulus.file)
            raise RefusedError(503, "this picture is not available now")
        return data

    def _keep_check(self, rater: Rater, message: Check) -> None:
        if rater.finished or standing(self.db).closed_at:  # a pause leaves what is on its way alone
            raise RefusedError(403, "closed")
        found = {name: value for name, value in asdict(message).items() if name != "rater"}
        if set(problems(found)) & set(gates(self.db.study.settings)):
            raise RefusedError(403, "screen")
        save_check(self.db, rater.id, found)

    def _keep_rating(self, rater: Rater, message: Rate) -> None:
        if self.db.study.settings.method == "pairs" and message.score > 2:
            raise RefusedError(400, "expected 1 or 2")
        store_rating(self.db, rater.id, Answer(**asdict(message)))

    async def _take(self, request: Request, kind: type[M], keep: Callable[[Rater, M], None]) -> M:
        """Return a rater's message once it is kept; the database's part of it in one thread."""
        check_origin(request, self.public_origin)
        message = await message_in(request, kind)

        def take() -> None:
            rater = self._rater(self._token(request))
            _wait(self.answers, rater.id)
            if isinstance(message, Check | Rested) and message.rater != rater.id:
                raise RefusedError(401, "somebody else is here now")
            keep(rater, message)

        await run_in_threadpool(take)
        return message

    def _rater(self, token: str | None) -> Rater:
        rater = rater_of(self.db, token)
        if rater is None:
            raise RefusedError(401, "no session")
        return rater

    def _token(self, request: Request) -> str | None:
        return request.cookies.get(cookie_name(self.db.study))

    def _is_https(self, request: Request) -> bool:
        return request.url.scheme == "https" or (self.public_origin or "").startswith("https:")


def _plainly(endpoint: Endpoint) -> Endpoint:
    """Answer a refusal with its status and a short message."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except RefusedError as refusal:
            response = _json({"error": refusal.message}, refusal.status)
            if refusal.status == 429:
                response.headers["Retry-After"] = "1"
            return response

    return answer


def _wait(limit: RateLimit, key: str) -> None:
    if limit.wait_for(key) > 0:
        raise RefusedError(429, "too fast")


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(content), status, {"Cache-Control": "no-store"}, media_type="application/json"
    )
