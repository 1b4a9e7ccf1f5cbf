"""COCO: one JSON file for many images, with polygons and categories."""

from __future__ import annotations

from typing import Any

from radiofib.errors import MaskError
from radiofib.images.polygons.labelme import whole_size
from radiofib.images.polygons.model import Annotation, Shape, ring, several

__all__ = ["parse_coco"]


def parse_coco(data: dict[str, Any], where: str) -> list[Annotation]:
    """Read the content of a COCO file of object detection with polygons.

    Parameters
    ----------
    data : dict
        The parsed file, with ``images``, ``annotations`` and ``categories``.
    where : str
        Name of the file.

    Raises
    ------
    MaskError
        When a list is missing, an annotation is of no listed image, an id is given twice, or the
        shapes of every image are not sound or run-length coded; those of one image alone are a
        ``problem`` of its annotation.

    Examples
    --------
    >>> data = {"images": [{"id": 1, "file_name": "a.png", "width": 9, "height": 8}],
    ...         "categories": [{"id": 1, "name": "liver"}],
    ...         "annotations": [{"id": 7, "image_id": 1, "category_id": 1,
    ...                          "segmentation": [[1, 1, 5, 1, 5, 6]]}]}
    >>> [one] = parse_coco(data, "a.json")
    >>> one.image, one.size, one.shapes[0].label, one.shapes[0].where
    ('a.png', (8, 9), 'liver', "a.json, annotation 7 'liver'")
    """
    images = _by_id(data, "images", where)
    names = {
        key: _text(entry, "name", f"{where}, category {key}")
        for key, entry in _by_id(data, "categories", where).items()
    }
    drawn: dict[Any, list[Shape]] = {key: [] for key in images}
    problems: dict[Any, MaskError] = {}
    for key, entry in _by_id(data, "annotations", where).items():
        place = f"{where}, annotation {key}"
        image = entry.get("image_id")
        if not _is_id(image) or image not in drawn:
            raise MaskError(
                "annotation is of an image that is not listed", where=place, found=repr(image)[:60]
            )
        try:
            drawn[image].append(_drawn(entry, names, place))
        except MaskError as error:
            problems.setdefault(image, error)
    found = []
    for key, entry in images.items():
        place = f"{where}, image {key}"
        size = whole_size(entry.get("height"), entry.get("width"), place)
        name, shapes = _text(entry, "file_name", place), tuple(drawn[key])
        found.append(Annotation(name, size, shapes, where, problems.get(key)))
    return several(found)


def _drawn(entry: dict[str, Any], names: dict[Any, str], place: str) -> Shape:
    category = entry.get("category_id")
    if not _is_id(category) or category not in names:
        raise MaskError(
            "annotation is of a category that is not listed",
            where=place,
            found=repr(category)[:60],
        )
    label = names[category]
    return _shape(entry.get("segmentation"), label, f"{place} {label!r}")


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _by_id(data: dict[str, Any], name: str, where: str) -> dict[Any, dict[str, Any]]:
    entries = data.get(name)
    if not isinstance(entries, list):
        raise MaskError(f"{name!r} is not a list", where=where, found=type(entries).__name__)
    found: dict[Any, dict[str, Any]] = {}
    for number, entry in enumerate(entries, start=1):
        place = f"{where}, {name} {number}"
        if not isinstance(entry, dict):
            raise MaskError("entry is not an object", where=place, found=type(entry).__name__)
        key = entry.get("id")
        if not _is_id(key):
            raise MaskError("entry has no id", where=place, found=repr(key)[:60])
        if key in found:
            raise MaskError("id is given twice", where=place, found=repr(key)[:60])
        found[key] = entry
    return found


def _text(entry: dict[str, Any], name: str, where: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise MaskError(f"{name!r} is not a text", where=where, found=repr(value)[:60])
    return value


def _shape(segmentation: Any, label: str, where: str) -> Shape:
    if isinstance(segmentation, dict):
        raise MaskError(
            "segmentation is run-length coded",
            where=where,
            expected="polygons",
            hint="export polygons, or masks as PNG files",
        )
    if not isinstance(segmentation, list) or not segmentation:
        raise MaskError("segmentation holds no polygon", where=where, found=repr(segmentation)[:60])
    rings = []
    for flat in segmentation:
        if not isinstance(flat, list) or len(flat) % 2:
            raise MaskError(
                "polygon is not a list of x and y in turn", where=where, found=repr(flat)[:60]
            )
        rings.append(ring([flat[i : i + 2] for i in range(0, len(flat), 2)], where))
    return Shape(label, tuple(rings), where)
