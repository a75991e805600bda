"""Small studies for tests, and a server and raters to go with them."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from mos_app.rehearsal.scratch import free_port, wait_until_up
from mos_app.store.connection import Database
from mos_app.store.invites import make_invites
from mos_app.store.raters import Newcomer, enter, save_check, save_rest
from mos_app.store.ratings import Answer, store_rating, upcoming
from mos_app.store.refusal import RefusedError
from mos_app.study.definition import Anchors, Settings, Stimulus, Study
from mos_app.study.freeze import Calibration, freeze
from mos_app.study.sources import versions_in_run
from mos_app.study.words import consent_version

PASSWORD = "correct horse battery"
SENTINELS = ("zebrafish-upscaler", "quokka-net", "axolotl-gan", "hr")
"""Method names that no page of ours contains by chance (hr is needed for DCR and is not searched for)."""


def write_run(
    folder: Path,
    *,
    methods: Sequence[str] = SENTINELS,
    sizes: Sequence[tuple[int, int]] = ((64, 48), (80, 60), (72, 48)),
    dataset: str = "Demo",
) -> Path:
    """Write what `bench run` writes: every picture is noise in a colour that only it has."""
    for index, (width, height) in enumerate(sizes):
        for number, method in enumerate(methods):
            rng = np.random.default_rng([index, number])
            pixels = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
            pixels[0, 0] = code_of(index, number)
            path = folder / "images" / method / dataset / "x4" / f"img_{index:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PillowImage.fromarray(pixels).save(path)
    return folder


def code_of(picture: int, method: int) -> tuple[int, int, int]:
    """The colour of the first pixel says which version this is."""
    return ((10 * picture + 5) % 256, 10 * method + 5, picture // 25)


def write_photos(folder: Path, count: int) -> list[Path]:
    """Write calibration pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index in range(count):
        pixels = np.random.default_rng([9, index]).integers(0, 256, (48, 64, 3)).astype(np.uint8)
        paths.append(folder / f"photo{index}.png")
        PillowImage.fromarray(pixels).save(paths[-1])
    return paths


def make_study(
    folder: Path, *, settings: Settings | None = None, calibration: int = 0, **run: object
) -> Study:
    """Return a study frozen in folder / 'study'."""
    write_run(folder / "run", **run)  # type: ignore[arg-type]
    return freeze(
        folder / "study",
        versions_in_run(folder / "run"),
        settings or Settings(break_every=0),
        calibration=Calibration(write_photos(folder / "photos", calibration)),
    )


def paper_study(*, repeat_share: float = 0.0, seed: int = 0) -> Study:
    """The paper's size without pictures: 12, 12 and 9 versions of 5, 14 and 100 pictures."""
    stimuli = [
        _stimulus(f"{dataset}-{picture}-{version}", dataset, f"img_{picture:03d}", f"m{version}")
        for dataset, pictures, versions in (("Set5", 5, 12), ("Set14", 14, 12), ("BSD100", 100, 9))
        for picture in range(pictures)
        for version in range(versions)
    ]
    anchors = [Anchors(picture=f"p{i}", worst=f"w{i}", best=f"b{i}") for i in range(20)]
    ends = [_stimulus(f"{end}{i}", "calibration", f"p{i}", end) for i in range(20) for end in "wb"]
    return Study(
        name="paper",
        created="2026-01-01T00:00:00.000Z",
        settings=Settings(seed=seed, repeat_share=repeat_share),
        stimuli=tuple(stimuli),
        anchors=tuple(anchors),
        anchor_stimuli=tuple(ends),
    )


def _stimulus(identity: str, dataset: str, picture: str, method: str) -> Stimulus:
    return Stimulus(
        id=identity,
        dataset=dataset,
        picture=picture,
        method=method,
        sha256="0" * 64,
        width=8,
        height=8,
        file="x",
    )


def newcomer(study: Study, code: str, nonce: str | None = None, **fields: str) -> Newcomer:
    return Newcomer(code, consent_version(study, "en"), "en", nonce or secrets.token_hex(16), **fields)


def answer(presentation: str, score: int = 3) -> Answer:
    return Answer(
        presentation, score, 1.25, "2026-01-02T03:04:05.678Z", 1.5, (10, 20, 64, 48), "1366x768", True, False
    )


CHECKED = {
    "device_pixel_ratio": 1.0,
    "viewport": "1366x768",
    "screen": "1366x768",
    "zoom_percent": 100,
    "dark_steps": 6,
    "light_steps": 6,
    "touch": False,
}


def new_rater(db: Database) -> tuple[str, str]:
    """Return (rater, session token) of somebody who has passed the viewing check."""
    rater, token = enter(db, newcomer(db.study, make_invites(db, 1)[0]))
    save_check(db, rater, CHECKED)
    save_rest(db, rater, 0)
    return rater, token


def rate_all(db: Database, rater: str, score: int = 3) -> int:
    """Rate to the end and return how many ratings that were."""
    count = 0
    while due := upcoming(db, rater, 1):
        store_rating(db, rater, answer(due[0].id, score))
        count += 1
    return count


@dataclass
class Served:
    """`mos serve` as a process that tests may kill."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Served":
        command = [sys.executable, "-m", "mos_app", "serve", str(self.folder), "--port", str(self.port)]
        environment = {**os.environ, "SRMOS_ADMIN_PASSWORD": PASSWORD}
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        wait_until_up(self.address, self.process)
        return self

    def kill(self) -> None:
        """As the power cut does it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=20)
            self.process = None


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    """Return the status and message that a call is refused with."""
    with pytest.raises(RefusedError) as caught:
        call()
    return caught.value.status, caught.value.message


def until(condition: object, seconds: float = 15.0) -> None:
    """Wait until condition() holds; fail with the last value otherwise."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):  # type: ignore[operator]
        assert time.monotonic() < deadline, f"still {value!r} after {seconds} s"
        time.sleep(0.05)


def write_paper_run(folder: Path, data: Path) -> Path:
    """Write a run with the paper's 1128 pictures at their real sizes: HR, and mixtures of HR and nearest."""
    from mos_app.study.sources import SRGAN_METHODS, SRGAN_NOT_ON_BSD100
    from sr_models.data.image import crop_to_multiple, read_image, write_image
    from sr_models.data.resize import imresize

    for dataset in ("Set5", "Set14", "BSD100"):
        for path in sorted((data / dataset / "x4").glob("*_HR.png")):
            hr = crop_to_multiple(read_image(path), 4)
            nearest = imresize(hr, 0.25).repeat(4, axis=0).repeat(4, axis=1)
            for index, method in enumerate(SRGAN_METHODS):
                if dataset == "BSD100" and method in SRGAN_NOT_ON_BSD100:
                    continue
                share = index / (len(SRGAN_METHODS) - 1)
                mixed = np.round(hr * share + nearest * (1 - share)).astype(np.uint8)
                write_image(folder / "images" / method / dataset / "x4" / f"{path.stem[:7]}.png", mixed)
    return folder
