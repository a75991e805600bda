"""Everything that `mos export` writes as one download: written by a process of its own, sent in pieces."""

import asyncio
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from mos_app.store.connection import Database
from mos_app.store.refusal import RefusedError

PIECE_BYTES = 2**18


async def exported_zip(db: Database, folder: Path) -> Response:
    """Return the study's exported files, none of which is ever whole in this process."""
    with tempfile.TemporaryDirectory(prefix="srmos-export-") as made:
        command = (sys.executable, "-m", "mos_app", "export", str(folder), "--to", made)
        environment = {**os.environ, "SRMOS_DATABASE": db.url}
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            if await process.wait() != 0:
                raise RefusedError(503, "the files could not be written; the server's log says why")
        finally:
            if process.returncode is None:  # whoever asked has gone
                process.kill()
        packed, length = await run_in_threadpool(_zipped, Path(made))
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": 'attachment; filename="export.zip"',
        "Content-Length": str(length),
    }
    return StreamingResponse(_pieces(packed), media_type="application/zip", headers=headers)


def _zipped(folder: Path) -> tuple[IO[bytes], int]:
    """Return an unnamed file and its length; it is gone once it is closed."""
    packed = tempfile.TemporaryFile()  # noqa: SIM115  closed once it is sent
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    length = packed.tell()
    packed.seek(0)
    return packed, length


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece
