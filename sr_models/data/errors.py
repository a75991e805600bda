"""The one error that commands show as a sentence instead of a traceback."""

import difflib
from collections.abc import Iterable
from typing import Self


class InputError(ValueError):
    """What the user gave cannot be used. The message says what was expected, what was given, what to do."""


class UnknownNameError(InputError):
    """A name that nothing is registered under."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1) or [
            known_name for known_name in names if known_name.lower() == name.lower()
        ]
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names) or 'none'}"
        super().__init__(f"no {kind} called {name!r}; {hint}")
        self.name = name
        self._asked = (kind, name, names)

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, list[str]]]:
        """Return what pickle makes it anew from: it may be raised in another process."""
        return type(self), self._asked
