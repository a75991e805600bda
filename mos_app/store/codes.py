"""Codes, passwords and rate limits: who may do what, and how often."""

import hashlib
import ipaddress
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import argon2

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that reads like something else
_LETTER_OF = bytes(ord(_ALPHABET[byte % len(_ALPHABET)]) for byte in range(256))
_BEYOND = bytes(range(256 - 256 % len(_ALPHABET), 256))
"""Bytes that are drawn again: with them the first letters would come more often."""
PRESENTATION_CHARS = 22
INVITE_CHARS = 26
"""26 of 31 characters are 128 bits: no guessing, so a plain hash at rest is enough."""


def random_code(length: int) -> str:
    """Return length random characters that people can read aloud."""
    return random_codes(1, length)[0]


def random_codes(count: int, length: int) -> list[str]:
    """Return count random codes of length characters each, drawn at once."""
    letters = ""
    while len(letters) < count * length:
        drawn = secrets.token_bytes(count * length - len(letters) + 16)
        letters += drawn.translate(_LETTER_OF, _BEYOND).decode()
    return [letters[start : start + length] for start in range(0, count * length, length)]


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


def client_of(address: str) -> str:
    """Return what limits count as one client: an IPv4 address, or the network (/64) of an IPv6 address.

    A client may choose among all addresses of its network.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # a name of our own, as where a server listens on no network
        return address
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


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
