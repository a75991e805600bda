"""What a published site says of its runs: srmos.json."""

from pathlib import Path

import msgspec

from sr_models.data.errors import InputError

INDEX = "srmos.json"
FORMAT = 1


class PublishedRun(msgspec.Struct, frozen=True):
    """One run of a site, in a folder of its name."""

    name: str
    run: str
    """Time and commit."""
    scores_sha256: str
    """Of scores.csv."""


class Site(msgspec.Struct, frozen=True):
    """What srmos.json holds."""

    format: int
    srmos: str
    runs: list[PublishedRun]


def read_site(path: Path) -> Site:
    """Return what srmos.json says; raises InputError where it is none that can be read."""
    try:
        site = msgspec.json.decode(path.read_bytes(), type=Site)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{path}: expected the {INDEX} of a `bench publish`: {error}") from None
    if site.format != FORMAT:
        raise InputError(f"{path}: expected format {FORMAT}, got {site.format}: another srmos made it")
    return site
