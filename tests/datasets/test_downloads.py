"""Downloads against a server on the loopback interface that truncates, stalls, lies and fails: nothing half-done stays."""

import hashlib
import io
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from course_utils import datasets
from course_utils.datasets.camvid import CamVid
from course_utils.datasets.downloads import SOURCES, Archive, Source, fetch
from course_utils.datasets.nuclei import Nuclei
from course_utils.datasets.pets import Pets

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers the n-th request for a path with the n-th of its answers, and every later one with the last."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[str] = []
        self.closing = threading.Event()
        self.asked = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers = server.answers[self.path]
                turn = server.requests.count(self.path)
                server.requests.append(self.path)
                server.asked.set()
                answers[min(turn, len(answers) - 1)](self)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def stalls(self, content: bytes) -> Answer:
        def answer(request: BaseHTTPRequestHandler) -> None:
            head(request, 200, len(content))
            request.wfile.write(content[: len(content) // 2])
            self.closing.wait(600)

        return answer


def head(request: BaseHTTPRequestHandler, status: int, length: int) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(length))
    request.end_headers()


def sends(content: bytes, *, announced: int | None = None, status: int = 200) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        head(request, status, len(content) if announced is None else announced)
        request.wfile.write(content)

    return answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda seconds: None))  # between two attempts
    server = Server()
    yield server
    server.closing.set()
    server.http.shutdown()
    server.http.server_close()


def png(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, format="PNG")
    return file.getvalue()


IMAGE, LABELS = png(np.full((4, 5, 3), 77, dtype=np.uint8)), png(np.full((4, 5), 3, dtype=np.uint8))


def camvid_files() -> dict[str, bytes]:
    """A whole set, three samples, as GitHub packs a repository."""
    files = {"Tutorial-abc/README.md": b"not part of the data"}
    for split in ("train", "val", "test"):
        files[f"Tutorial-abc/CamVid/{split}.txt"] = (
            f"/SegNet/CamVid/{split}/1.png /SegNet/CamVid/{split}annot/1.png\n".encode()
        )
        files[f"Tutorial-abc/CamVid/{split}/1.png"] = IMAGE
        files[f"Tutorial-abc/CamVid/{split}annot/1.png"] = LABELS
    return files


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as bundle:
        for name, content in files.items():
            bundle.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as bundle:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            bundle.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


WHOLE = zipped(camvid_files())


def camvid_at(server: Server, checksum: str | None = None) -> dict[str, Source]:
    archive = Archive(f"{server.url}/camvid.zip", checksum, {"Tutorial-abc/CamVid/": ""})
    return {"camvid": Source((archive,), 3, "made up")}


def left_in(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


def test_a_good_download_is_complete(server: Server, tmp_path: Path) -> None:
    server.answers["/camvid.zip"] = [sends(WHOLE)]
    folder = fetch("camvid", sources=camvid_at(server, sha256(WHOLE)), root=tmp_path / "downloads")
    assert folder == tmp_path / "downloads" / "camvid"
    expected = [
        f"{split}{rest}"
        for split in ("test", "train", "val")
        for rest in ("", ".txt", "/1.png", "annot", "annot/1.png")
    ]
    assert left_in(folder) == sorted(expected)
    assert left_in(tmp_path / "downloads") == sorted(["camvid", *(f"camvid/{name}" for name in expected)])
    assert CamVid(folder)[0].labels.eq(3).all()
    assert server.requests == ["/camvid.zip"]


@pytest.mark.parametrize("checksum", [None, sha256(WHOLE)], ids=["unknown checksum", "known checksum"])
def test_a_truncated_answer_leaves_nothing(server: Server, tmp_path: Path, checksum: str | None) -> None:
    server.answers["/camvid.zip"] = [sends(WHOLE[:-200], announced=len(WHOLE))]
    with pytest.raises(ConnectionError, match=r"camvid\.zip could not be downloaded in 2 attempts.*Nothing was kept"):
        fetch("camvid", sources=camvid_at(server, checksum), root=tmp_path, attempts=2)
    assert left_in(tmp_path) == []
    assert len(server.requests) == 2


def test_a_stalling_server_is_left_after_the_timeout(server: Server, tmp_path: Path) -> None:
    server.answers["/camvid.zip"] = [server.stalls(WHOLE)]
    with pytest.raises(ConnectionError, match=r"could not be downloaded in 1 attempts.*timed out"):
        fetch("camvid", sources=camvid_at(server), root=tmp_path, attempts=1, timeout=2)
    assert left_in(tmp_path) == []


def test_wrong_bytes_leave_nothing(server: Server, tmp_path: Path) -> None:
    files = camvid_files()
    files["Tutorial-abc/CamVid/train/1.png"] = LABELS
    server.answers["/camvid.zip"] = [sends(zipped(files))]
    with pytest.raises(ValueError, match=r"camvid\.zip sent other bytes than expected.*[0-9a-f]{64}"):
        fetch("camvid", sources=camvid_at(server, sha256(WHOLE)), root=tmp_path, attempts=1)
    assert left_in(tmp_path) == []


def test_a_failure_is_tried_again(server: Server, tmp_path: Path) -> None:
    server.answers["/camvid.zip"] = [sends(b"busy", status=503), sends(WHOLE[:-9], announced=len(WHOLE)), sends(WHOLE)]
    assert (fetch("camvid", sources=camvid_at(server, sha256(WHOLE)), root=tmp_path) / "train.txt").exists()
    assert len(server.requests) == 3


def test_a_missing_page_says_so(server: Server, tmp_path: Path) -> None:
    server.answers["/camvid.zip"] = [sends(b"not here", status=404)]
    with pytest.raises(ConnectionError, match="404"):
        fetch("camvid", sources=camvid_at(server), root=tmp_path, attempts=1)
    assert left_in(tmp_path) == []


def test_no_server_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    sources = {"camvid": Source((Archive("http://127.0.0.1:9/camvid.zip", None, {"": ""}),), 3, "made up")}
    with pytest.raises(ConnectionError, match="Check the connection"):
        fetch("camvid", sources=sources, root=tmp_path, attempts=1)
    assert left_in(tmp_path) == []


def damaged_zip() -> bytes:
    """The directory at the end is right, one byte of an image is not."""
    content = bytearray(WHOLE)
    content[WHOLE.index(IMAGE) + 40] ^= 255
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>Log in to this network</html>", WHOLE[:-30], WHOLE[40:60], damaged_zip()],
    ids=["nothing", "a login page", "no directory", "a piece", "one wrong byte"],
)
def test_a_broken_archive_leaves_nothing_and_is_not_remembered(server: Server, tmp_path: Path, content: bytes) -> None:
    server.answers["/camvid.zip"] = [sends(content)]
    with pytest.raises(ValueError, match=r"camvid\.zip sent a broken archive"):
        fetch("camvid", sources=camvid_at(server), root=tmp_path, attempts=1)
    assert left_in(tmp_path) == []


def test_a_broken_tar_leaves_nothing(server: Server, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).bytes(50_000)
    content = tarred({"annotations/trainval.txt": b"a 1 1 1\n", "annotations/noise": noise})
    server.answers["/annotations.tar.gz"] = [sends(content[:-20_000])]
    archive = Archive(f"{server.url}/annotations.tar.gz", None, {"annotations/": "oxford-iiit-pet/annotations/"})
    with pytest.raises(ValueError, match=r"annotations\.tar\.gz sent a broken archive"):
        fetch("pets", sources={"pets": Source((archive,), 5, "made up")}, root=tmp_path, attempts=1)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize(
    "member", ["../outside.txt", "Tutorial-abc/CamVid/../../../outside.txt", "/outside.txt", "C:\\outside.txt"]
)
def test_an_archive_that_leaves_its_folder_is_refused(
    server: Server, tmp_path: Path, member: str, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    server.answers["/camvid.zip"] = [sends(pack({**camvid_files(), member: b"gotcha"}))]
    root = tmp_path / "data" / "downloads"
    with pytest.raises(ValueError, match=r"outside\.txt', a path that leads out of its folder"):
        fetch("camvid", sources=camvid_at(server), root=root, attempts=1)
    assert left_in(tmp_path) == ["data", "data/downloads"]


def test_a_link_in_an_archive_is_passed_over(server: Server, tmp_path: Path) -> None:
    file = io.BytesIO(tarred(camvid_files()))
    plain = io.BytesIO()
    with tarfile.open(fileobj=file) as old, tarfile.open(fileobj=plain, mode="w") as new:
        link = tarfile.TarInfo("Tutorial-abc/CamVid/out")
        link.type, link.linkname = tarfile.SYMTYPE, "../../.."
        new.addfile(link)
        for entry in old:
            new.addfile(entry, old.extractfile(entry))
    server.answers["/camvid.zip"] = [sends(plain.getvalue())]
    folder = fetch("camvid", sources=camvid_at(server), root=tmp_path)
    assert "out" not in left_in(folder)
    assert len(CamVid(folder)) == 1


def test_an_incomplete_set_is_not_kept(server: Server, tmp_path: Path) -> None:
    files = camvid_files()
    del files["Tutorial-abc/CamVid/valannot/1.png"]
    server.answers["/camvid.zip"] = [sends(zipped(files))]
    with pytest.raises(ValueError, match=r"valannot/1\.png is missing"):
        fetch("camvid", sources=camvid_at(server), root=tmp_path)
    assert left_in(tmp_path) == []
    server.answers["/camvid.zip"] = [sends(WHOLE)]
    sources = {"camvid": camvid_at(server)["camvid"]._replace(samples=701)}
    with pytest.raises(ValueError, match="has 3 samples instead of 701"):
        fetch("camvid", sources=sources, root=tmp_path)
    assert left_in(tmp_path) == []


def test_of_two_archives_the_first_alone_is_nothing(server: Server, tmp_path: Path) -> None:
    names = [f"pug_{n}" for n in range(1, 7)]
    images = tarred({f"images/{name}.jpg": IMAGE for name in names})
    trimap = png(np.full((4, 5), 2, dtype=np.uint8))
    listing = "".join(f"{name} 1 1 1\n" for name in names).encode()
    lists = {"annotations/trainval.txt": listing, "annotations/test.txt": listing}
    annotations = tarred({**lists, **{f"annotations/trimaps/{name}.png": trimap for name in names}})
    md5 = f"md5:{hashlib.md5(images).hexdigest()}"
    source = Source(
        (
            Archive(f"{server.url}/images.tar.gz", md5, {"images/": "oxford-iiit-pet/images/"}),
            Archive(f"{server.url}/annotations.tar.gz", None, {"annotations/": "oxford-iiit-pet/annotations/"}),
        ),
        12,
        "made up",
    )
    server.answers["/images.tar.gz"] = [sends(images)]
    server.answers["/annotations.tar.gz"] = [sends(b"gone", status=404), sends(annotations)]
    with pytest.raises(ConnectionError, match="404"):
        fetch("pets", sources={"pets": source}, root=tmp_path, attempts=1)
    assert left_in(tmp_path) == []
    folder = fetch("pets", sources={"pets": source}, root=tmp_path, attempts=1)
    assert Pets(folder, "val").names == ("pug_5",)


def test_nuclei_gain_the_folder_that_their_archive_lacks(server: Server, tmp_path: Path) -> None:
    mask = png(np.full((4, 5), 255, dtype=np.uint8))
    content = zipped({**{f"{n}/images/{n}.png": IMAGE for n in "ab"}, **{f"{n}/masks/m.png": mask for n in "ab"}})
    server.answers["/stage1_train.zip"] = [sends(content)]
    archive = SOURCES["nuclei"].archives[0]._replace(url=f"{server.url}/stage1_train.zip", checksum=sha256(content))
    folder = fetch("nuclei", sources={"nuclei": Source((archive,), 2, "made up")}, root=tmp_path)
    assert Nuclei(folder)[0].labels.eq(1).all()


def test_an_unknown_checksum_is_told_remembered_and_compared(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = zipped({**camvid_files(), "Tutorial-abc/CamVid/new.txt": b"new"})
    server.answers["/camvid.zip"] = [sends(WHOLE), sends(changed)]
    folder = fetch("camvid", sources=camvid_at(server), root=tmp_path, attempts=1)
    told = capsys.readouterr().out
    assert "no checksum" in told and sha256(WHOLE) in told
    assert (tmp_path / "checksums.txt").read_text() == f"{sha256(WHOLE)} {server.url}/camvid.zip\n"
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"other bytes than expected.*checksums\.txt"):
        fetch("camvid", sources=camvid_at(server), root=tmp_path, attempts=1)
    assert not folder.exists()
    server.answers["/camvid.zip"] = [sends(WHOLE)]
    assert fetch("camvid", sources=camvid_at(server), root=tmp_path, attempts=1).is_dir()
    assert (tmp_path / "checksums.txt").read_text().count("sha256") == 1


def test_what_is_there_is_not_touched(server: Server, tmp_path: Path) -> None:
    (tmp_path / "camvid").mkdir()
    with pytest.raises(FileExistsError, match="Delete the folder"):
        fetch("camvid", sources=camvid_at(server), root=tmp_path)
    assert server.requests == []


def test_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"no download for 'scenes'; choose one of 'camvid', 'em', 'nuclei', 'voc', 'pets'"
    ):
        fetch("scenes", root=tmp_path)


@pytest.mark.slow
def test_a_killed_download_looks_absent(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers["/camvid.zip"] = [server.stalls(WHOLE)]
    program = (
        "import sys; from pathlib import Path; from course_utils.datasets.downloads import Archive, Source, fetch;"
        "archive = Archive(sys.argv[1] + '/camvid.zip', None, {'Tutorial-abc/CamVid/': ''});"
        "fetch('camvid', sources={'camvid': Source((archive,), 3, '')}, root=Path(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", program, server.url, str(tmp_path)], stderr=subprocess.DEVNULL)
    assert server.asked.wait(600)
    process.kill()
    process.wait()
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setattr(datasets, "DOWNLOADS", tmp_path)
    assert not (tmp_path / "camvid").exists()
    assert not datasets.present("camvid")
    # What it left does not stand in the way of the next download.
    server.answers["/camvid.zip"] = [sends(WHOLE)]
    assert len(CamVid(fetch("camvid", sources=camvid_at(server), root=tmp_path))) == 1


def test_the_sources_are_those_of_torchvision() -> None:
    from torchvision.datasets import OxfordIIITPet
    from torchvision.datasets.voc import DATASET_YEAR_DICT

    (voc,) = SOURCES["voc"].archives
    assert (voc.url, voc.checksum) == (DATASET_YEAR_DICT["2012"]["url"], f"md5:{DATASET_YEAR_DICT['2012']['md5']}")
    pets = [(archive.url, archive.checksum) for archive in SOURCES["pets"].archives]
    assert pets == [(url, f"md5:{md5}") for url, md5 in OxfordIIITPet._RESOURCES]


def test_every_real_set_has_a_source_with_encrypted_transport() -> None:
    assert set(SOURCES) == {name for name, entry in datasets.SETS.items() if entry.landmark}
    for source in SOURCES.values():
        assert all(archive.url.startswith("https://") for archive in source.archives)


def test_the_second_of_two_downloads_is_refused_by_name(server: Server, tmp_path: Path) -> None:
    def ask_again(request: BaseHTTPRequestHandler) -> None:
        with pytest.raises(ValueError, match=r"camvid is being downloaded by another process; wait"):
            fetch("camvid", sources=camvid_at(server), root=tmp_path)
        sends(WHOLE)(request)

    server.answers["/camvid.zip"] = [ask_again]
    fetch("camvid", sources=camvid_at(server), root=tmp_path, attempts=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["camvid", "checksums.txt"]
    assert server.requests == ["/camvid.zip"]


def test_checksums_that_cannot_be_written_keep_nothing(server: Server, tmp_path: Path) -> None:
    def take_its_place(request: BaseHTTPRequestHandler) -> None:
        (tmp_path / "checksums.txt").mkdir()
        sends(WHOLE)(request)

    server.answers["/camvid.zip"] = [take_its_place]
    with pytest.raises(OSError, match="checksums.txt"):
        fetch("camvid", sources=camvid_at(server), root=tmp_path, attempts=1)
    assert [path.name for path in tmp_path.iterdir()] == ["checksums.txt"]
