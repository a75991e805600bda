"""The admin's door: attempts slowed down by address, sessions that end."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, select, update

from mos_app.store import tables
from mos_app.store.codes import client_of, password_matches, random_code, token_hash
from mos_app.store.connection import Database
from mos_app.store.state import admin_hash
from mos_app.study.clock import now_text

SESSION_HOURS = 12
FREE_ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 900
FORGET_AFTER_HOURS = 24
TOKEN_CHARS = 40
TICKET_CHARS = 16


def sign_in(db: Database, password: str, address: str) -> str | float:
    """Return a session token; 0.0 for a wrong password; else the seconds until this address may try again.

    Five attempts are free; from then on each failure doubles the wait, up to 15 minutes. Another address is
    not held up by it.
    """
    stored = admin_hash(db)
    source = hmac.new((stored or "").encode(), client_of(address).encode(), hashlib.sha256).hexdigest()
    wait = _take_attempt(db, source)
    if wait > 0:
        return wait
    if stored is None or not password_matches(password, stored):
        return 0.0
    token = random_code(TOKEN_CHARS)
    with db.writing() as connection:
        connection.execute(delete(tables.attempts).where(tables.attempts.c.source == source))
        expires = now_text(datetime.now(UTC) + timedelta(hours=SESSION_HOURS))
        connection.execute(
            insert(tables.admin_sessions).values(token_hash=token_hash(token), expires_at=expires)
        )
    return token


def _take_attempt(db: Database, source: str) -> float:
    """Count an attempt and return 0.0, or the seconds until one is allowed. Counted before the check, so that
    many at once do not all pass.
    """
    t, now = tables.attempts, datetime.now(UTC)
    with db.writing() as connection:
        forgotten = now_text(now - timedelta(hours=FORGET_AFTER_HOURS))
        connection.execute(delete(t).where(t.c.last_at < forgotten))
        row = connection.execute(select(t).where(t.c.source == source).with_for_update()).first()
        if row is None:
            connection.execute(insert(t).values(source=source, failures=1, last_at=now_text(now)))
            return 0.0
        over = row.failures - FREE_ATTEMPTS
        pause = min(2.0 ** min(over + 1, 20), LONGEST_WAIT_SECONDS) if over >= 0 else 0.0
        wait = pause - (now - datetime.fromisoformat(row.last_at)).total_seconds()
        if wait > 0:
            return wait
        counted = (
            update(t).where(t.c.source == source).values(failures=row.failures + 1, last_at=now_text(now))
        )
        connection.execute(counted)
        return 0.0


def is_signed_in(db: Database, token: str | None) -> bool:
    """Return whether this is the token of a session that has not ended."""
    if not token:
        return False
    s = tables.admin_sessions.c
    with db.reading() as connection:
        found = select(s.expires_at).where(s.token_hash == token_hash(token), s.expires_at > now_text())
        return connection.execute(found).first() is not None


def ticket_of(token: str) -> str:
    """Return what may stand in the address of a download: good for this session's time, and nothing else."""
    session = token_hash(token)
    return f"{session[:TICKET_CHARS]}-{_signed(session)}"


def admits(db: Database, ticket: str) -> bool:
    """Return whether a ticket is of a session that has not ended."""
    number, _, signature = ticket.partition("-")
    if len(number) != TICKET_CHARS or not all(c in "0123456789abcdef" for c in number):
        return False
    s = tables.admin_sessions.c
    found = select(s.token_hash).where(s.token_hash.startswith(number), s.expires_at > now_text())
    with db.reading() as connection:
        sessions = connection.execute(found).scalars().all()
    return any(hmac.compare_digest(_signed(session), signature) for session in sessions)


def _signed(session: str) -> str:
    return hmac.new(session.encode(), b"files", hashlib.sha256).hexdigest()


def sign_out(db: Database, token: str | None) -> None:
    """End the session, and tidy away those that have expired."""
    s = tables.admin_sessions
    with db.writing() as connection:
        ended = (s.c.token_hash == token_hash(token or "")) | (s.c.expires_at <= now_text())
        connection.execute(delete(s).where(ended))
