import hashlib
import io
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sr_models.data.errors import InputError
from sr_models.data.fetch import FetchError, cache_dir, download, fetch, is_here, locate
from sr_models.data.manifest import File, Manifest

CONTENT = bytes(range(256)) * 40


class Server(BaseHTTPRequestHandler):
    """Serves `files`, honours Range, and breaks off after `cut` bytes for the paths in `cuts`."""

    files: dict[str, bytes]
    cuts: dict[str, int]
    asked: list[tuple[str, str | None]]

    def do_GET(self):
        self.asked.append((self.path, self.headers["Range"]))
        body = self.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        start = int((self.headers["Range"] or "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start : self.cuts.pop(self.path, None)])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    handler = type("Handler", (Server,), {"files": {}, "cuts": {}, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        handler.url = f"http://127.0.0.1:{running.server_port}/"
        yield handler
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.delenv("SRMOS_DATA", raising=False)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def tiny(server, *files, **more):
    return Manifest("tiny", "", "benchmark", "", "", "", files, base_url=server.url, **more)


def file(name="x4/a.png", data=CONTENT):
    return File("a", "hr", name, sha256=sha(data), bytes=len(data))


def test_a_file_is_downloaded_verified_and_found_again(server):
    server.files["/x4/a.png"] = CONTENT
    found = tiny(server, file())
    arrived = []
    assert locate(found, found.files[0]) is None
    fetch(found, found.files, arrived.append)
    path = locate(found, found.files[0])
    assert path == cache_dir() / "tiny" / "x4" / "a.png"
    assert path.read_bytes() == CONTENT
    assert sum(arrived) == len(CONTENT)
    fetch(found, found.files)
    assert len(server.asked) == 1  # nothing is downloaded twice


def test_a_broken_download_goes_on_where_it_stopped(server):
    server.files["/a"] = CONTENT
    server.cuts["/a"] = 5000
    target = cache_dir() / "a"
    download(server.url + "a", target, sha(CONTENT))
    assert target.read_bytes() == CONTENT
    assert server.asked == [("/a", None), ("/a", "bytes=5000-")]
    assert [path.name for path in target.parent.iterdir()] == ["a"]


def test_a_part_left_by_a_killed_fetch_is_used(server):
    server.files["/a"] = CONTENT
    cache_dir().mkdir(exist_ok=True)
    (cache_dir() / "a.part").write_bytes(CONTENT[:100])
    download(server.url + "a", cache_dir() / "a", sha(CONTENT))
    assert (cache_dir() / "a").read_bytes() == CONTENT
    assert server.asked == [("/a", "bytes=100-")]


def test_wrong_content_never_gets_its_final_name(server):
    server.files["/x4/a.png"] = CONTENT[::-1]
    found = tiny(server, file())
    with pytest.raises(FetchError, match="has changed: expected sha256"):
        fetch(found, found.files)
    assert not list((cache_dir() / "tiny").rglob("*.png"))


def test_the_beginning_of_a_hash_is_enough_and_a_wrong_one_is_refused(server):
    server.files["/a"] = CONTENT
    download(server.url + "a", cache_dir() / "a", sha(CONTENT)[:8])
    assert (cache_dir() / "a").read_bytes() == CONTENT
    with pytest.raises(FetchError, match="has changed: expected sha256"):
        download(server.url + "a", cache_dir() / "b", sha(CONTENT[1:])[:8])
    assert not (cache_dir() / "b").exists()


def test_a_missing_file_is_named_and_not_tried_again(server):
    found = tiny(server, file())
    with pytest.raises(FetchError, match=r"x4/a\.png cannot be downloaded"):
        fetch(found, found.files)
    assert len(server.asked) == 1


def test_one_bad_file_does_not_lose_the_others(server):
    server.files["/b"] = CONTENT
    found = tiny(server, file("b"), File("c", "hr", "c", sha256=sha(b"c"), bytes=1))
    with pytest.raises(FetchError):
        fetch(found, found.files)
    assert locate(found, found.files[0]) is not None


def test_the_search_path_comes_first_and_is_verified(server, tmp_path, monkeypatch):
    monkeypatch.setenv("SRMOS_DATA", f"{tmp_path / 'nowhere'}:{tmp_path}")
    found = tiny(server, file())
    flat = tmp_path / "tiny" / "a.png"  # HR that serves every scale may lie without its x4
    flat.parent.mkdir()
    flat.write_bytes(CONTENT)
    assert locate(found, found.files[0]) == flat
    assert is_here(found, found.files[0])
    flat.write_bytes(CONTENT[::-1])
    with pytest.raises(InputError, match="is not tiny's a"):
        locate(found, found.files[0])


def test_an_archive_without_published_hashes_is_recorded_at_the_first_fetch(server):
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("inside/a.png", CONTENT)
    server.files["/all.zip"] = zipped.getvalue()
    member = File("a", "hr", "a.png", member="inside/a.png")
    found = tiny(server, member, archive=server.url + "all.zip")
    fetch(found, found.files)
    path = locate(found, member)
    assert path is not None
    assert path.read_bytes() == CONTENT
    path.write_bytes(b"changed")
    with pytest.raises(InputError, match="is not tiny's a"):
        locate(found, member)


def test_an_archive_that_is_none_is_discarded(server):
    server.files["/all.zip"] = b"not a zip"
    member = File("a", "hr", "a.png", member="inside/a.png")
    found = tiny(server, member, archive=server.url + "all.zip")
    with pytest.raises(FetchError, match="is not the expected archive"):
        fetch(found, found.files)
    assert not (cache_dir() / "tiny" / "all.zip").exists()


def test_pictures_of_a_package_are_where_it_is_installed():
    found = Manifest("p", "", "benchmark", "", "", "", (File("e", "hr", "py.typed"),), package="sr_models")
    path = locate(found, found.files[0])
    assert path is not None
    assert path.name == "py.typed"


def test_a_package_that_lost_its_pictures_is_named():
    found = Manifest("p", "", "benchmark", "", "", "", (File("e", "hr", "no.png"),), package="sr_models")
    with pytest.raises(FetchError, match="part of the Python package sr_models"):
        fetch(found, found.files)
