"""One door for annotation files: LabelMe JSON, COCO JSON and CVAT XML, told apart by content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from radiofib._checks import check_regular, unlike_file
from radiofib.errors import MaskError
from radiofib.images.polygons.coco import parse_coco
from radiofib.images.polygons.cvat import parse_cvat
from radiofib.images.polygons.labelme import parse_labelme
from radiofib.images.polygons.model import Annotation

__all__ = ["is_annotation_file", "parse_annotations", "read_annotations"]

#: Larger files are refused: no annotation of pictures needs them.
_MOST_BYTES = 512 * 2**20


def is_annotation_file(path: str | Path) -> bool:
    """Tell a text that begins like JSON or XML from a picture or a volume.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mask"
    ...     _ = path.write_text(' {"shapes": []}')
    ...     is_annotation_file(path)
    True
    """
    if unlike_file(path):
        return False
    try:
        with Path(path).open("rb") as stream:
            head = stream.read(256)
    except OSError:
        return False
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[", b"<")


def read_annotations(path: str | Path) -> list[Annotation]:
    """Read the shapes of all images of an annotation file.

    Parameters
    ----------
    path : path
        LabelMe JSON (one image), COCO JSON (object detection, polygons), CVAT XML (``CVAT for
        images 1.1`` or ``CVAT for video 1.1``).

    Raises
    ------
    MaskError
        When the file is none of these, or a shape is not sound; file and shape are named.
    """
    path = Path(path)
    check_regular(path, error=MaskError, where=path.name)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise MaskError("annotation file is too large", where=path.name)
        content = path.read_bytes()
    except OSError as error:
        raise MaskError(
            "annotation file cannot be read",
            where=path.name,
            found=error.strerror or type(error).__name__,
        ) from error
    return parse_annotations(content, path.name)


def parse_annotations(content: bytes, where: str) -> list[Annotation]:
    """Do the same with the content of a file.

    Parameters
    ----------
    content : bytes
        The file.
    where : str
        Its name, for messages.

    Examples
    --------
    >>> parse_annotations(b"[]", "a.json")
    Traceback (most recent call last):
    radiofib.errors.MaskError: a.json: not an annotation file that radiofib knows (expected LabelMe
    JSON, COCO JSON or CVAT XML; found a JSON list).
    """
    if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        return parse_cvat(content, where)
    try:
        data: Any = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MaskError(
            "annotation file is not valid JSON",
            where=where,
            found=str(error)[:120],
            hint="export it again; the file may be cut short",
        ) from error
    if isinstance(data, dict) and "shapes" in data:
        return [parse_labelme(data, where)]
    if isinstance(data, dict) and "annotations" in data:
        return parse_coco(data, where)
    kind = "a JSON list" if isinstance(data, list) else "a JSON value"
    if isinstance(data, dict):
        kind = "a JSON object with other keys"
    raise MaskError(
        "not an annotation file that radiofib knows",
        where=where,
        expected="LabelMe JSON, COCO JSON or CVAT XML",
        found=kind,
    )


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")
