"""Codes, passwords and rate limits: who may do what, and how often."""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import argon2

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that reads like something else
PRESENTATION_CHARS = 22
INVITE_CHARS = 26
"""26 of 31 characters are 128 bits: no guessing, so a plain hash at rest is enough."""


def random_code(length: int) -> str:
    """Return length random characters that people can read aloud."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def token_hash(token: str) -> str:
    """Return what the database keeps of a random code or session token."""
    return hashlib.sha256(token.encode()).hexdigest()


def password_hash(password: str) -> str:
    """Return the argon2id hash of an admin password."""
    return argon2.PasswordHasher().hash(password)


def password_matches(password: str, stored: str) -> bool:
    """Return whether password is the one that was hashed."""
    try:
        return argon2.PasswordHasher().verify(stored, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


@dataclass
class RateLimit:
    """A token bucket for each key: `burst` at once, then `per_second`."""

    per_second: float
    burst: int
    clock: Callable[[], float] = time.monotonic
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_for(self, key: str) -> float:
        """Return 0.0 and take a token, or the seconds until there is one."""
        with self._lock:
            now = self.clock()
            tokens, since = self._buckets.get(key, (float(self.burst), now))
            tokens = min(self.burst, tokens + (now - since) * self.per_second)
            if tokens < 1:
                self._buckets[key] = tokens, now
                return (1 - tokens) / self.per_second
            self._buckets[key] = tokens - 1, now
            self._drop_full(now)
            return 0.0

    def _drop_full(self, now: float) -> None:
        if len(self._buckets) > 10_000:
            full_after = self.burst / self.per_second
            self._buckets = {k: v for k, v in self._buckets.items() if now - v[1] < full_after}
