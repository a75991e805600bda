"""The browser's side of each screen: scripts and styles."""

from pathlib import Path

FOLDER = Path(__file__).parent


def script_of(screen: str) -> str:
    """Return the script of one screen, with what all screens share before it."""
    return "\n".join((FOLDER / name).read_text() for name in ("client.js", "page.js", f"{screen}.js"))


def style() -> str:
    """Return the style sheet of all screens."""
    return "\n".join((FOLDER / name).read_text() for name in ("page.css", "rate.css"))
