"""CVAT: XML for images or for a film, parsed without document types or entities."""

from __future__ import annotations

import math
import re
from typing import NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

from radiofib.errors import MaskError
from radiofib.images.polygons.labelme import circle, rectangle, whole_size
from radiofib.images.polygons.model import Annotation, Shape, ring, several

__all__ = ["parse_cvat", "parse_xml"]

_NUMBER = re.compile(r"[+-]?\d{1,12}(\.\d{0,12})?([eE][+-]?\d{1,2})?")
#: Elements nested deeper are no annotation.
_DEEPEST = 64
_AREAS = ("polygon", "box", "ellipse")
_OTHERS = ("polyline", "points", "cuboid", "mask", "skeleton")


def parse_cvat(content: bytes, where: str) -> list[Annotation]:
    """Read ``CVAT for images 1.1`` or ``CVAT for video 1.1``: polygons, boxes and ellipses.

    A film is one annotation whose shapes name their frames; shapes that are ``outside`` on a
    frame are left out.

    Parameters
    ----------
    content : bytes
        The file.
    where : str
        Its name, for messages.

    Raises
    ------
    MaskError
        When the XML is not sound, has a document type or entities, or the shapes of every image
        are not sound or hold no area (a line, points, a mask); those of one image alone are a
        ``problem`` of its annotation.

    Examples
    --------
    >>> text = b'''<annotations><image id="0" name="a.png" width="9" height="8">
    ...   <polygon label="liver" points="1,1;5,1;5,6"/></image></annotations>'''
    >>> [one] = parse_cvat(text, "a.xml")
    >>> one.image, one.size, one.shapes[0].where
    ('a.png', (8, 9), "a.xml, image 1, shape 1 'liver'")
    """
    root = parse_xml(content, where)
    if root.tag != "annotations":
        raise MaskError(
            "not an annotation file that radiofib knows",
            where=where,
            expected="LabelMe JSON, COCO JSON or CVAT XML",
            found=f"XML that begins with <{root.tag[:40]}>",
        )
    found = []
    for number, image in enumerate(root.findall("image"), start=1):
        place = f"{where}, image {number}"
        shapes, problem, size = [], None, None
        try:
            shapes = [
                _shape(element, f"{place}, shape {n}", element.get("label"))
                for n, element in enumerate(_drawn(image), start=1)
            ]
            size = _size(image.get("height"), image.get("width"), place)
        except MaskError as error:
            problem = error
        found.append(Annotation(image.get("name") or "", size, tuple(shapes), where, problem))
    tracks = root.findall("track")
    if tracks:
        shapes = []
        for number, track in enumerate(tracks, start=1):
            for n, element in enumerate(_drawn(track), start=1):
                if element.get("outside") == "1":
                    continue
                place = f"{where}, track {number}, shape {n}"
                frame = int(_number(element.get("frame"), "frame", place))
                shapes.append(_shape(element, place, track.get("label"), frame))
        found.append(Annotation("", None, tuple(shapes), where))
    if not found:
        raise MaskError("annotation file lists no image", where=where)
    return several(found)


def parse_xml(content: bytes, where: str) -> ElementTree.Element:
    """Parse XML of unknown origin: a document type, an entity or deep nesting is refused.

    Expat is used itself, so that the refusal comes before anything is expanded or opened.

    Raises
    ------
    MaskError
        When the XML is not well formed or not harmless.

    Examples
    --------
    >>> parse_xml(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "a.xml")
    Traceback (most recent call last):
    radiofib.errors.MaskError: a.xml: XML has a document type or entities of its own (expected plain
    elements). Next: export it again from the annotation tool, which writes none.
    """
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    depth = 0

    def refuse(*_: object) -> NoReturn:
        raise MaskError(
            "XML has a document type or entities of its own",
            where=where,
            expected="plain elements",
            hint="export it again from the annotation tool, which writes none",
        )

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise MaskError("XML is nested too deeply", where=where, found=f"{depth} levels")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    parser.UnparsedEntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(content, True)
        return builder.close()
    except (expat.ExpatError, ValueError, LookupError, AssertionError) as error:
        raise MaskError(
            "XML is not well formed",
            where=where,
            found=str(error)[:120],
            hint="export it again; the file may be cut short",
        ) from error


def _drawn(parent: ElementTree.Element) -> list[ElementTree.Element]:
    return [element for element in parent if element.tag in (*_AREAS, *_OTHERS)]


def _shape(
    element: ElementTree.Element, where: str, label: str | None, frame: int | None = None
) -> Shape:
    if not label:
        raise MaskError("shape has no label", where=where)
    where = f"{where} {label!r}"
    if element.tag not in _AREAS:
        raise MaskError(
            "shape is of a kind that holds no area or is not known",
            where=where,
            expected=", ".join(_AREAS),
            found=element.tag,
        )
    if element.tag == "polygon":
        pairs = [part.split(",") for part in (element.get("points") or "").split(";") if part]
        points = [[_number(v, "vertex", where) for v in pair] for pair in pairs]
        return Shape(label, (ring(points, where),), where, frame)
    names = ("xtl", "ytl", "xbr", "ybr") if element.tag == "box" else ("cx", "cy", "rx", "ry")
    values = [_number(element.get(name), name, where) for name in names]
    turned = _number(element.get("rotation") or "0", "rotation", where)
    if turned:
        raise MaskError("shape is rotated", where=where, hint="draw it as a polygon")
    made = rectangle(*values) if element.tag == "box" else circle(*values)
    return Shape(label, (ring(made.tolist(), where),), where, frame)


def _number(text: str | None, name: str, where: str) -> float:
    plain = (text or "").strip()
    if _NUMBER.fullmatch(plain) and math.isfinite(float(plain)):
        return float(plain)
    raise MaskError(f"{name} is not a number", where=where, found=repr(text)[:60])


def _size(height: str | None, width: str | None, where: str) -> tuple[int, int] | None:
    if height is None and width is None:
        return None
    sides = (_number(height, "height", where), _number(width, "width", where))
    whole = [int(s) if s.is_integer() else s for s in sides]
    return whole_size(whole[0], whole[1], where)
