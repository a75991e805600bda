"""Image, compose file and unit, without a container engine: pinned, unprivileged, and naming what exists."""

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser
from ruamel.yaml import YAML
from sqlalchemy import create_engine
from studies import make_study

from mos_app.cli import main
from mos_app.rehearsal.scratch import scratch_server

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
STEPS = [
    (step["instruction"], step["value"])
    for step in DockerfileParser(str(DEPLOY / "Dockerfile")).structure
    if step["instruction"] != "COMMENT"
]
COMPOSE = YAML(typ="safe").load(DEPLOY / "compose.yaml")
SERVICES = COMPOSE["services"]
PG_DUMP = {"trixie": 17, "bookworm": 15}
"""The version of Debian's postgresql-client."""


def values(instruction: str) -> list[str]:
    return [value for name, value in STEPS if name == instruction]


def sources() -> list[str]:
    """What the image copies from the project's root."""
    return [source for value in values("COPY") for source in value.split()[:-1]]


def health_command() -> list[str]:
    (value,) = values("HEALTHCHECK")
    return json.loads(value.partition("CMD ")[2])


def options_of_serve(capsys: pytest.CaptureFixture[str]) -> set[str]:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    return set(re.findall(r"--[a-z-]+", capsys.readouterr().out))


@pytest.mark.parametrize("image", [*values("FROM"), *(s["image"] for s in SERVICES.values() if "image" in s)])
def test_every_image_is_pinned_to_a_version(image):
    assert re.fullmatch(r"[a-z]+:\d+(\.\d+)*(-[a-z]+)*", image)


def test_the_image_runs_as_a_user_of_its_own_that_it_makes():
    names = [name for name, _ in STEPS]
    (user,) = values("USER")
    assert user not in {"root", "0"}
    assert re.search(rf"useradd .*\b{user}\b", values("RUN")[0])
    assert names.index("USER") > max(i for i, name in enumerate(names) if name in {"RUN", "COPY"})
    assert names[-1] == "CMD"


def test_pg_dump_in_the_image_is_not_older_than_the_server_of_the_compose_file():
    (base,) = values("FROM")
    server = int(re.fullmatch(r"postgres:(\d+)", SERVICES["database"]["image"])[1])
    assert "postgresql-client" in values("RUN")[0]
    assert PG_DUMP[base.rpartition("-")[2]] >= server


def test_no_secret_is_written_down():
    assert values("ARG") == ['PIP_OPTIONS=""']
    assert values("ENV") == []
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "DATABASE" in name:
                assert "${" in value, name
                assert re.findall(r"\$\{[A-Z_]+(?!:\?)[^A-Z_:]", value) == [], name  # unset stops the start


def test_the_image_copies_what_is_there_and_the_builder_gets_nothing_else():
    assert all((ROOT / source).exists() for source in sources())
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert "*" in lines
    assert sorted(allowed) == sorted(sources())


def test_what_the_image_copies_is_enough_to_build_the_package(tmp_path):
    """What the Dockerfile's pip does without dependencies: a wheel with commands, manifests and weights."""
    for source in sources():
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, tmp_path / source)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "out")]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "out").glob("*.whl")
    listing = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(wheel)], check=True, capture_output=True, text=True
    ).stdout
    for needed in ("entry_points.txt", "manifests/Set5.toml", "mos_app/web/pages/", "weights/"):
        assert needed in listing, needed


@pytest.mark.parametrize("place", ["Dockerfile", "compose.yaml", "mos.service"])
def test_what_starts_a_study_is_a_command_of_the_package_with_options_that_it_has(place, capsys):
    unit = configparser.ConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "mos.service")
    command = {
        "Dockerfile": json.loads(values("CMD")[0]),
        "compose.yaml": SERVICES["study"]["command"],
        "mos.service": shlex.split(unit["Service"]["ExecStart"]),
    }[place]
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert Path(command[0]).name in scripts
    assert command[1] == "serve"
    assert {word for word in command if word.startswith("--")} <= options_of_serve(capsys)


def test_the_unit_is_one_that_systemd_takes(tmp_path):
    if (verify := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd is not installed")
    text = (DEPLOY / "mos.service").read_text()
    unit = tmp_path / "mos.service"
    unit.write_text(re.sub(r"(?m)^ExecStart=.*", "ExecStart=/bin/true", text))  # ours is not installed there
    done = subprocess.run([verify, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_services_of_the_compose_file_find_each_other():
    for name, service in SERVICES.items():
        assert ("image" in service) != ("build" in service), name
        for other, how in service.get("depends_on", {}).items():
            assert "healthcheck" in SERVICES[other] or "build" in SERVICES[other], other  # the image has one
            assert how["condition"] == "service_healthy"
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            named = source in COMPOSE["volumes"]
            assert named or source.startswith("${") or (DEPLOY / source).is_file(), volume
    build = SERVICES["study"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    host = re.search(r"@([a-z]+)/study$", SERVICES["study"]["environment"]["SRMOS_DATABASE"])[1]
    assert host in SERVICES
    upstream, port = re.search(r"server ([a-z]+):(\d+);", (DEPLOY / "nginx.conf").read_text()).groups()
    assert upstream in SERVICES
    assert values("EXPOSE") == [port]
    assert f":{port}/" in " ".join(health_command())


def test_the_health_check_says_what_the_database_does(tmp_path, postgres_server):
    """The image's own command against a server: 0, and 1 once its database is gone."""
    server = create_engine(
        f"{postgres_server}/postgres".replace("://", "+pg8000://"), isolation_level="AUTOCOMMIT"
    )
    with server.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE test_image_health")
    make_study(tmp_path)
    with scratch_server(tmp_path / "study", f"{postgres_server}/test_image_health") as address:
        program, *arguments = health_command()
        assert program == "python"
        check = [sys.executable, *(word.replace("http://127.0.0.1:8501", address) for word in arguments)]

        def health() -> int:
            return subprocess.run(check, env=os.environ, stderr=subprocess.DEVNULL, check=False).returncode

        assert health() == 0
        with server.connect() as connection:
            connection.exec_driver_sql("DROP DATABASE test_image_health WITH (FORCE)")
        assert health() == 1
    server.dispose()
