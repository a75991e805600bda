"""The page on 127.0.0.1: what is served, what is not, and how it ends."""

import signal
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest
from page_folders import save_picture, write_scores

from bench.analysis.results import read_results
from bench.cli import main
from bench.page.build import write_page
from bench.page.serve import make_server

SECRET = "nobody may read this"


@pytest.fixture
def port(tmp_path):
    """A served folder, with secrets beside it, behind links and in hidden files."""
    folder = write_scores(tmp_path / "results", {"psnr": {"near": [1.0]}})
    for model in ("hr", "near"):
        save_picture(folder, model, "img_001", np.full((12, 16, 3), 90, np.uint8))
    write_page(read_results(folder))
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "results-too").mkdir()
    (tmp_path / "results-too" / "secret.txt").write_text(SECRET)
    (folder / ".hidden").write_text(SECRET)
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "out").symlink_to(tmp_path)
    (folder / "here.txt").symlink_to(folder / "scores.csv")
    with make_server(folder, 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def ask(port, target, *, host="127.0.0.1", method="GET"):
    """Send a request as it is written, which no client library would; return the status and all that came."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"{method} {target} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split()[1]), answer


@pytest.mark.parametrize("target", ["/", "/index.html", "/scores.csv", "/here.txt?x=1"])
def test_files_of_the_folder_are_served(port, target):
    status, answer = ask(port, target)
    assert status == 200
    assert b"nosniff" in answer
    assert b"Server: srmos" in answer


@pytest.mark.parametrize(
    "target",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/images/../../secret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "//secret.txt",
        "/../results-too/secret.txt",
        "/link.txt",
        "/out/secret.txt",
        "/.hidden",
        "/images/../.hidden",
        "/images",
        "/images/",
        "/secret.txt%00",
        "../secret.txt",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nothing_else_is_served_however_it_is_asked_for(port, target, method):
    status, answer = ask(port, target, method=method)
    assert status in (400, 404)
    assert SECRET.encode() not in answer
    assert b"img_001" not in answer


def test_a_name_of_another_site_that_leads_here_is_refused(port):
    assert ask(port, "/", host="evil.example")[0] == 403
    assert ask(port, "/", host="localhost")[0] == 200


def test_the_served_page_shows_its_pictures(port, open_page):
    page = open_page(f"http://127.0.0.1:{port}/")
    page.locator("a.entry").click()
    page.wait_for_selector("dialog[data-shown]")
    assert page.locator(".says").inner_text() == ""
    assert {url.split("/")[2] for url in page.requests if url[:5] != "data:"} == {f"127.0.0.1:{port}"}


def test_serve_prints_its_address_and_ends_with_ctrl_c(tmp_path):
    folder = write_scores(tmp_path, {"psnr": {"near": [1.0]}})
    heeds_ctrl_c = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # jobs of a shell may not
    )
    program = f"{heeds_ctrl_c}; import sys; from bench.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "page", str(folder), "--serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr.readline() == f"wrote {folder / 'index.html'}\n"
        line = process.stderr.readline()
        assert line.startswith("http://127.0.0.1:")
        port = int(line.split(":")[2].split("/")[0])
        assert ask(port, "/")[0] == 200
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()
        assert process.stderr.read() == ""


def test_a_port_in_use_and_a_page_outside_are_one_line(port, tmp_path, capsys):
    folder = str(tmp_path / "results")
    assert main(["page", folder, "--serve", "--port", str(port)]) == 2
    assert main(["page", folder, "--serve", "--port", "99999"]) == 2
    assert main(["page", folder, "--serve", "--out", str(tmp_path / "p.html")]) == 2
    lines = capsys.readouterr().err.splitlines()
    mistakes = [line for line in lines if line.startswith("bench page: ")]
    assert len(mistakes) == 3
    assert all("--port" in line for line in mistakes[:2])
    assert "--out" in mistakes[2]
