"""A study is made from a run or a folder: counts, crops, metadata, and every mistake told in one line."""

import socket
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from studies import SENTINELS, make_study, write_photos, write_run

from mos_app.cli import main
from mos_app.study.definition import Settings, load
from mos_app.study.freeze import Calibration, Limits, calibration_pictures, freeze
from mos_app.study.sources import (
    SRGAN_METHODS,
    SRGAN_NOT_ON_BSD100,
    srgan_design,
    versions_in_folder,
    versions_in_run,
)
from mos_app.study.stages import calibration_count, pauses
from sr_models.data.errors import InputError
from sr_models.data.image import is_grey_file, read_image

NO_CALIBRATION = Calibration([])


def srgan_run(folder: Path, sizes: dict[str, int]) -> Path:
    for dataset, count in sizes.items():
        names = [m for m in SRGAN_METHODS if dataset != "BSD100" or m not in SRGAN_NOT_ON_BSD100]
        write_run(folder, methods=names, sizes=[(8, 8)] * count, dataset=dataset)
    return folder


def test_the_papers_design_has_12_12_and_9_versions_1128_in_all(tmp_path):
    run = srgan_run(tmp_path / "run", {"Set5": 5, "Set14": 14, "BSD100": 100})
    versions = srgan_design(versions_in_run(run), {})
    per_set = {name: sum(v.dataset == name for v in versions) for name in ("Set5", "Set14", "BSD100")}
    assert per_set == {"Set5": 60, "Set14": 168, "BSD100": 900}
    study = freeze(
        tmp_path / "study",
        versions,
        Settings(),
        calibration=Calibration(write_photos(tmp_path / "photos", 20)),
    )
    assert len(study.stimuli) == 1128
    assert calibration_count(study) == 40
    assert {a.picture for a in study.anchors} == {f"photo{i}" for i in range(20)}


def test_the_papers_design_names_what_the_run_lacks_and_takes_stand_ins(tmp_path):
    run = srgan_run(tmp_path / "run", {"Set5": 2, "Set14": 2, "BSD100": 2})
    (run / "images" / "srgan-vgg54").rename(run / "images" / "srgan-vgg53")
    with pytest.raises(InputError, match="needs srgan-vgg54 on Set5"):
        srgan_design(versions_in_run(run), {})
    methods = {v.method for v in srgan_design(versions_in_run(run), {"srgan-vgg54": "srgan-vgg53"})}
    assert "srgan-vgg53" in methods
    with pytest.raises(InputError, match="did you mean srgan-vgg54"):
        srgan_design(versions_in_run(run), {"srgan-vgg5": "x"})


def test_anchors_are_nearest_neighbour_and_the_original_of_pictures_that_are_not_rated(tmp_path):
    study = make_study(tmp_path, calibration=2)
    folder = tmp_path / "study"
    for anchors in study.anchors:
        best = read_image(folder / study.by_id[anchors.best].file)
        worst = read_image(folder / study.by_id[anchors.worst].file)
        assert (best == read_image(tmp_path / "photos" / f"{anchors.picture}.png")).all()
        blocks = worst.reshape(12, 4, 16, 4, 3)
        assert (blocks == blocks[:, :1, :, :1]).all()  # 4x4 blocks of one colour
        assert not (worst == best).all()
    assert not {a.picture for a in study.anchors} & {s.picture for s in study.stimuli}


def test_a_picture_that_is_rated_is_never_used_for_practice(tmp_path):
    run = write_run(tmp_path / "run", sizes=((64, 48),))
    write_run(tmp_path / "other", sizes=((64, 48), (64, 48)))
    folder = tmp_path / "other" / "images" / SENTINELS[0] / "Demo" / "x4"
    found = calibration_pictures(None, 0, folder, versions_in_run(run))
    assert [path.stem for path in found] == ["img_001"]
    with pytest.raises(InputError, match="expected 2 calibration pictures, got 1 in"):
        calibration_pictures(2, 0, folder, versions_in_run(run))


def test_without_bsd300_the_sample_set_gives_the_practice_pictures(tmp_path, monkeypatch):
    monkeypatch.setenv("SRMOS_DATA", str(tmp_path))
    versions = versions_in_run(write_run(tmp_path / "run"))
    assert [path.stem for path in calibration_pictures(None, 0, None, versions)] == [
        "astronaut",
        "chelsea",
        "coffee",
    ]


def test_text_and_gamma_in_a_png_are_left_out_and_its_pixels_stay(tmp_path):
    run = write_run(tmp_path / "run")
    path = run / "images" / SENTINELS[0] / "Demo" / "x4" / "img_000.png"
    picture = Image.open(path)
    told = PngImagePlugin.PngInfo()
    told.add_text("Software", SENTINELS[0])
    told.add(b"gAMA", (45455).to_bytes(4, "big"))
    picture.load()
    picture.save(path, pnginfo=told)
    study = freeze(tmp_path / "study", versions_in_run(run), Settings(), calibration=NO_CALIBRATION)
    frozen = next(s for s in study.stimuli if s.picture == "img_000" and s.method == SENTINELS[0])
    data = (tmp_path / "study" / frozen.file).read_bytes()
    assert SENTINELS[0].encode() not in data
    assert b"gAMA" not in data
    assert (read_image(tmp_path / "study" / frozen.file) == np.asarray(picture)).all()


def test_tall_pictures_are_cropped_around_their_middle_in_every_version(tmp_path):
    run = write_run(tmp_path / "run", sizes=((64, 100), (64, 48)))
    study = freeze(
        tmp_path / "study",
        versions_in_run(run),
        Settings(),
        calibration=NO_CALIBRATION,
        limits=Limits(height=60),
    )
    for stimulus in study.stimuli:
        source = read_image(run / "images" / stimulus.method / "Demo" / "x4" / f"{stimulus.picture}.png")
        shown = read_image(tmp_path / "study" / stimulus.file)
        assert stimulus.height == min(60, source.shape[0])
        top = (source.shape[0] - stimulus.height) // 2
        assert (shown == source[top : top + stimulus.height]).all()
    assert study.frame == (64, 60)


def test_pictures_can_be_referred_to_where_they_are(tmp_path):
    run = write_run(tmp_path / "run")
    study = freeze(
        tmp_path / "study", versions_in_run(run), Settings(), calibration=NO_CALIBRATION, copy=False
    )
    assert all(Path(s.file).is_relative_to(run) for s in study.stimuli)
    assert not (tmp_path / "study" / "pictures").exists()


def test_a_study_reads_back_as_it_was_made(tmp_path):
    made = make_study(
        tmp_path, settings=Settings(labels=("a", "b", "c", "d", "e"), consent="我同意"), calibration=1
    )
    assert load(tmp_path / "study") == made
    assert load(tmp_path / "study").fingerprint == made.fingerprint


def test_breaks_are_offered_at_the_stated_distance_and_not_just_before_the_end(tmp_path):
    study = make_study(tmp_path, settings=Settings(break_every=150), calibration=2)
    assert pauses(study, 4 + 1128) == [0, 4, 154, 304, 454, 604, 754, 904, 1054]
    assert pauses(study, 4 + 190) == [0, 4]


def test_grey_files_stay_grey_and_a_folder_of_methods_needs_no_run(tmp_path):
    for method in ("a", "b"):
        (tmp_path / "Mine" / method).mkdir(parents=True)
        pixels = np.random.default_rng(ord(method)).integers(0, 256, (48, 64)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "Mine" / method / "one.png")
        Image.fromarray(pixels).save(tmp_path / "Mine" / method / "two.jpg")
    versions = versions_in_folder(tmp_path / "Mine")
    assert {(v.dataset, v.picture, v.method) for v in versions} == {
        ("Mine", p, m) for p in ("one", "two") for m in "ab"
    }
    study = freeze(tmp_path / "study", versions, Settings(), calibration=NO_CALIBRATION)
    assert all(is_grey_file(tmp_path / "study" / s.file) for s in study.stimuli)


def test_dcr_does_not_rate_the_original_but_shows_it(tmp_path):
    study = make_study(tmp_path, settings=Settings(method="dcr"))
    assert "hr" not in {s.method for s in study.stimuli}
    assert {s.method for s in study.references} == {"hr"}
    assert study.frame == (2 * 80 + 16, 60)


MISTAKES = {
    "no run": (["--run", "nowhere"], "no images/ in it"),
    "unknown model": (["--run", "RUN", "--models", "quoka-net", "hr"], "did you mean quokka-net"),
    "one method": (["--run", "RUN", "--models", "hr"], "at least two methods"),
    "wrong scale": (["--run", "RUN", "--scale", "2"], "it has x4"),
    "labels": (["--run", "RUN", "--labels", "good,bad"], "expected 5 words"),
    "repeats": (["--run", "RUN", "--repeats", "2"], "share from 0"),
    "repeats do not fit": (["--run", "RUN", "--repeats", "0.5", "--repeat-lag", "50"], "lower --repeat-lag"),
    "no such consent": (["--run", "RUN", "--consent", "nowhere.txt"], "cannot be read"),
    "stand-in": (["--run", "RUN", "--design", "srgan", "--stand-in", "x"], "NAME=MODEL"),
    "design": (["--run", "RUN", "--design", "srgan"], "needs bicubic"),
    "database": (["--run", "RUN", "--database", "mysql://x/y"], "SQLite or PostgreSQL"),
    "database URL": (["--run", "RUN", "--database", "nonsense"], "cannot be read"),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "RUN")
    assert main(["new", "study", *arguments, "--calibration", "0"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert message in told


def test_a_study_is_never_made_over_another(tmp_path, capsys):
    make_study(tmp_path)
    assert main(["new", str(tmp_path / "study"), "--run", str(tmp_path / "run"), "--calibration", "0"]) == 2
    assert "frozen once made" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["serve", "invite", "status", "close", "export", "rehearse"])
def test_a_folder_without_a_study_is_told_so(tmp_path, capsys, command):
    assert main([command, str(tmp_path)]) == 2
    assert "made by `mos new`" in capsys.readouterr().err


def test_a_missing_version_and_a_wrong_size_are_named(tmp_path):
    run = write_run(tmp_path / "run")
    (run / "images" / SENTINELS[1] / "Demo" / "x4" / "img_001.png").unlink()
    with pytest.raises(InputError, match=f"Demo/img_001 has no version of {SENTINELS[1]}"):
        freeze(tmp_path / "s1", versions_in_run(run), Settings(), calibration=NO_CALIBRATION)
    Image.new("RGB", (10, 10)).save(run / "images" / SENTINELS[1] / "Demo" / "x4" / "img_001.png")
    with pytest.raises(InputError, match="comes in several sizes"):
        freeze(tmp_path / "s2", versions_in_run(run), Settings(), calibration=NO_CALIBRATION)


def test_a_study_of_another_version_is_refused_in_words(tmp_path):
    make_study(tmp_path)
    path = tmp_path / "study" / "study.json"
    content = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode({**content, "colour": "red"}))
    with pytest.raises(InputError, match="not a study of this version"):
        load(tmp_path / "study")


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SRMOS_ADMIN_PASSWORD", "long enough for this")
    make_study(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", str(tmp_path / "study"), "--port", str(port)]) == 2
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_an_admin_password_has_at_least_ten_characters(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SRMOS_ADMIN_PASSWORD", "short")
    make_study(tmp_path)
    assert main(["serve", str(tmp_path / "study")]) == 2
    assert "at least 10 characters" in capsys.readouterr().err


def test_variants_of_a_run_are_methods_and_one_kind_of_lr_picture_is_chosen(tmp_path):
    for place in ("espcn/Set5/x4", "espcn@bf16/Set5/x4", "espcn/Set5/x4-stored", "hr/Set5/x4"):
        path = tmp_path / "images" / place / "img_001.png"
        path.parent.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(path)
    with pytest.raises(InputError, match="LR pictures matlab, stored"):
        versions_in_run(tmp_path)
    chosen = {version.method: version.path for version in versions_in_run(tmp_path, lr="matlab")}
    assert set(chosen) == {"espcn", "espcn@bf16", "hr"}
    assert "x4-stored" not in str(chosen["espcn"])
    assert {version.method for version in versions_in_run(tmp_path, lr="stored")} == {"espcn", "hr"}
