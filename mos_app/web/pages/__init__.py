"""The browser's side of each screen: ES modules, served under an address that changes with their content."""

import hashlib
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent


@cache
def modules() -> dict[str, bytes]:
    """Return every module by file name."""
    return {path.name: path.read_bytes() for path in sorted(_FOLDER.glob("*.js"))}


@cache
def modules_version() -> str:
    """Return 12 hex digits over all modules, so that a browser may keep them for ever."""
    return hashlib.sha256(b"".join(modules().values())).hexdigest()[:12]


def first_modules() -> list[str]:
    """Return the addresses, from the page's root, of what the first screen imports."""
    return [f"mos/pages/{modules_version()}/{name}.js" for name in ("welcome", "client", "page")]


def loader_of(screen: str) -> str:
    """Return the script that Streamlit runs for a screen: it imports the screen's module from our server.

    Streamlit runs it from a blob: address, from which relative imports lead nowhere.
    """
    return (
        "export default function (component) {\n"
        '  const page = document.baseURI.endsWith("/") ? document.baseURI : `${location.origin}/`;\n'
        f'  const address = new URL("mos/pages/{modules_version()}/{screen}.js", page).href;\n'
        "  const started = import(address).then((screen) => screen.default(component));\n"
        "  started.catch(() => setTimeout(() => location.reload(), 2000));\n"  # the server is away
        "  return () => void started.then((stop) => stop());\n"
        "}\n"
    )


def style() -> str:
    """Return the style sheet of all screens."""
    return "\n".join((_FOLDER / name).read_text() for name in ("page.css", "rate.css"))
