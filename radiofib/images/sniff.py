"""What a file is, told by its content and never by its name; and the hash of a source."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

from radiofib._checks import check_regular, list_some, unlike_file
from radiofib._series import named_series
from radiofib.errors import ImageError
from radiofib.provenance import hash_file, hash_object

__all__ = ["KNOWN_FORMATS", "detached_files", "file_format", "hash_source", "is_dicom_file"]

#: Format names as messages and :func:`file_format` use them.
KNOWN_FORMATS = (
    "NIfTI", "NRRD", "MetaImage", "DICOM", "PNG", "JPEG", "BMP", "TIFF", "GIF",
)  # fmt: skip
_HEAD = 1024
_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"NRRD0": "NRRD",
}
_NIFTI_SIZES = (348, 540)
_DETACHED = re.compile(r"^\s*(?:ElementDataFile\s*=|data ?file:)[ \t]*(.*?)\s*$", re.I | re.M)


def read_head(path: Path, size: int = _HEAD) -> bytes:
    """Return the first bytes of a file, unpacked when it is gzipped.

    Raises
    ------
    ImageError
        When the file is missing, empty, a folder, a pipe or device, or cannot be opened.
    """
    if not path.exists():
        raise ImageError("no such file", where=str(path), hint="check the path")
    check_regular(path, error=ImageError)
    if path.is_dir():
        raise ImageError("is a folder, not a file", where=str(path))
    try:
        with path.open("rb") as stream:
            head = stream.read(size)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(path) as packed:
                head = packed.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ImageError(
            "gzip file is damaged or cut short", where=str(path), hint="copy it again"
        ) from error
    except OSError as error:
        raise ImageError(
            "file cannot be opened", where=str(path), found=error.strerror or type(error).__name__
        ) from error
    if not head:
        raise ImageError(
            "file is empty", where=str(path), found="0 bytes", hint="copy or export it again"
        )
    return head


def _format_of(head: bytes) -> str | None:
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head[128:132] == b"DICM" or _bare_dicom(head):
        return "DICOM"
    for order in ("little", "big"):
        if int.from_bytes(head[:4], order) in _NIFTI_SIZES and len(head) >= 348:
            return "NIfTI"
    text = head.decode("latin-1")
    if re.match(r"\s*(ObjectType|NDims|Comment)\s*=", text):
        return "MetaImage"
    return None


def _bare_dicom(head: bytes) -> bool:
    """Tell a DICOM file without preamble: it begins with an element of group 0002 or 0008."""
    if head[:2] not in (b"\x02\x00", b"\x08\x00") or len(head) < 12 or head[3:4] != b"\x00":
        return False
    explicit = head[4:6] in (b"UL", b"UI", b"CS", b"OB", b"SH", b"DA", b"TM", b"LO")
    implicit = int.from_bytes(head[4:8], "little") <= 64
    return explicit or implicit


def file_format(path: str | Path) -> str:
    """Return the format of an image file by its content: one of :data:`KNOWN_FORMATS`.

    Raises
    ------
    ImageError
        When the file is missing, empty, a folder, or of no known format.
    """
    path = Path(path)
    head = read_head(path)
    name = _format_of(head)
    if name is None:
        looks_text = all(b >= 9 for b in head[:256])
        raise ImageError(
            "not an image that radiofib can read",
            where=str(path),
            expected=list_some(KNOWN_FORMATS, 20),
            found="a text file" if looks_text else "unknown content",
            hint="give an image file; its suffix does not matter, its content does",
        )
    return name


def is_dicom_file(path: Path) -> bool:
    """Tell whether a file in a folder is DICOM; unreadable and empty files are not."""
    if unlike_file(path):
        return False
    try:
        with path.open("rb") as stream:
            return _format_of(stream.read(_HEAD)) == "DICOM"
    except OSError:
        return False


def detached_files(path: str | Path) -> list[Path]:
    """Return the data files a ``.mhd``, ``.nhdr`` or ``.hdr``/``.img`` header refers to.

    Examples
    --------
    >>> detached_files("scan.nii.gz")
    []
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in (".hdr", ".img"):
        other = {".hdr": (".img", ".img.gz"), ".img": (".hdr",)}[suffix]
        return [p for p in (path.with_suffix(s) for s in other) if p.is_file()]
    if suffix not in (".mhd", ".nhdr") or not path.is_file():
        return []
    text = path.read_bytes()[:65536].decode("latin-1")
    match = _DETACHED.search(text)
    if match is None or match[1].upper() == "LOCAL":
        return []
    first = match[1].split()[0] if match[1] else ""
    if first.upper() == "LIST":
        names = [line.strip() for line in text[match.end() :].splitlines() if line.strip()]
        return [path.parent / name for name in names]
    if "%" in first:
        pattern = re.compile(re.sub(r"%\d*d", r"\\d+", re.escape(first)))
        return sorted(p for p in path.parent.iterdir() if pattern.fullmatch(p.name))
    return [path.parent / match[1]]


def hash_source(path: str | Path) -> str:
    """Return the SHA-256 of everything an image is read from.

    One file, all files of a folder (a DICOM series, which may be named), or a header with the
    data files it names.

    Raises
    ------
    ImageError
        When the path, or a data file the header names, is missing or a pipe or device.
    """
    path, series = named_series(Path(path))
    if not path.exists():
        raise ImageError("no such file or folder", where=str(path), hint="check the path")
    check_regular(path, error=ImageError)
    others = detached_files(path)
    missing = [p.name for p in others if not p.is_file()]
    if missing:
        raise ImageError(
            "data file named by the header is missing",
            where=str(path),
            expected=list_some(missing),
            hint="keep header and data file together, under their names",
        )
    try:
        if series:
            return hash_object([hash_file(path), series])
        if not others:
            return hash_file(path)
        return hash_object([hash_file(path), *[hash_file(p) for p in others]])
    except OSError as error:
        raise ImageError(
            "cannot be read", where=str(path), found=error.strerror or type(error).__name__
        ) from error
