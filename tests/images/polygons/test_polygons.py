"""Annotation files: what they say becomes the mask it means; what is not sound is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import MaskError
from radiofib.images.polygons import (
    crosses_itself,
    crossing_shapes,
    is_annotation_file,
    pick_annotation,
    polygon_mask,
    read_annotations,
)
from radiofib.images.polygons.read import parse_annotations

ROWS, COLUMNS = 40, 60
corner = st.tuples(st.integers(0, COLUMNS - 8), st.integers(0, ROWS - 8))
side = st.integers(1, 7)
label = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1, max_size=12)


def labelme(points: list[list[float]], name: str = "liver", kind: str = "polygon") -> bytes:
    shape = {"label": name, "shape_type": kind, "points": points}
    return json.dumps(
        {"shapes": [shape], "imagePath": "a.png", "imageWidth": COLUMNS, "imageHeight": ROWS}
    ).encode()


def coco(points: list[list[float]], name: str = "liver") -> bytes:
    flat = [v for point in points for v in point]
    return json.dumps(
        {
            "images": [{"id": 3, "file_name": "x/a.png", "width": COLUMNS, "height": ROWS}],
            "categories": [{"id": 1, "name": name}],
            "annotations": [{"id": 9, "image_id": 3, "category_id": 1, "segmentation": [flat]}],
        }
    ).encode()


def cvat(points: list[list[float]], name: str = "liver") -> bytes:
    from xml.sax.saxutils import quoteattr

    text = ";".join(f"{x},{y}" for x, y in points)
    return (
        f'<?xml version="1.0"?><annotations><image id="0" name="a.png" width="{COLUMNS}" '
        f'height="{ROWS}"><polygon label={quoteattr(name)} points="{text}"/></image></annotations>'
    ).encode()


WRITERS = {"labelme": labelme, "coco": coco, "cvat": cvat}


def mask_of(content: bytes, **chosen: object) -> np.ndarray:
    found, _ = pick_annotation(parse_annotations(content, "f"), "a.png", shape=(ROWS, COLUMNS))
    return polygon_mask(found, (ROWS, COLUMNS), **chosen)  # type: ignore[arg-type]


@pytest.mark.parametrize("tool", WRITERS)
@given(at=corner, width=side, height=side, name=label)
@settings(max_examples=25, deadline=None)
def test_a_box_of_pixels_comes_back_exactly(
    tool: str, at: tuple[int, int], width: int, height: int, name: str
) -> None:
    x, y = at
    points = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
    expected = np.zeros((ROWS, COLUMNS), dtype=bool)
    expected[y : y + height, x : x + width] = True
    content = WRITERS[tool](points, name)
    [one] = parse_annotations(content, "f")
    assert one.shapes[0].label == name
    assert np.array_equal(mask_of(content), expected)


@given(content=st.binary(max_size=200), start=st.sampled_from([b"{", b"<", b"[", b""]))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_refused_with_a_reason(content: bytes, start: bytes) -> None:
    said = refusal(start + content)
    assert said is None or "f.json" in said


def refusal(content: bytes) -> str | None:
    """Return the words of the refusal; None when the file is read and its shapes are drawn."""
    try:
        for found in parse_annotations(content, "f.json"):
            polygon_mask(found, (ROWS, COLUMNS))
    except MaskError as error:
        return str(error)
    return None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(
            ["shapes", "label", "points", "shape_type", "id", "image_id", "category_id",
             "segmentation", "name", "file_name", "width", "height"]
        ), inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(shapes=json_values, images=json_values, annotations=json_values, size=json_values)
@settings(max_examples=200, deadline=None)
def test_any_json_is_read_or_refused_with_a_reason(
    shapes: object, images: object, annotations: object, size: object
) -> None:
    for data in (
        {"shapes": shapes, "imageWidth": size, "imageHeight": size},
        {"images": images, "annotations": annotations, "categories": images},
    ):
        said = refusal(json.dumps(data).encode())
        assert said is None or "f.json" in said


@given(cut=st.integers(1, 400), tool=st.sampled_from(sorted(WRITERS)))
@settings(max_examples=60, deadline=None)
def test_a_file_cut_short_is_refused(cut: int, tool: str) -> None:
    content = WRITERS[tool]([[1, 1], [9, 1], [9, 9]])
    if cut >= len(content):
        return
    with pytest.raises(MaskError, match=r"f\.x"):
        parse_annotations(content[:-cut], "f.x")


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([[1, 1], [5, 5]], "too few vertices"),
        ([[1, 1], [5, 5], [9, 9]], "no area"),
        ([[1, 1], [5, 5], [float("nan"), 9]], "JSON|not a number|not pairs"),
        ([[1, 1], [500, 5], [9, 9]], "leaves the picture"),
        ([[1, 1], [1e9, 5], [9, 9]], "far outside any picture"),
        ([[1.6, 1.6], [1.9, 1.6], [1.9, 1.9]], "centre of no pixel"),
    ],
)
@pytest.mark.parametrize("tool", WRITERS)
def test_shapes_that_are_not_sound(tool: str, points: list[list[float]], said: str) -> None:
    with pytest.raises(MaskError, match=said) as caught:
        mask_of(WRITERS[tool](points))
    assert str(caught.value).startswith("f")


def test_the_message_names_file_and_shape() -> None:
    data = json.loads(labelme([[1, 1], [9, 1], [9, 9]]))
    data["shapes"].append({"label": "cyst", "points": [[1, 1], [2, 2]], "shape_type": "line"})
    with pytest.raises(MaskError, match=r"a\.json, shape 2 'cyst': .*polygon, rectangle or circle"):
        parse_annotations(json.dumps(data).encode(), "a.json")


def test_xml_with_entities_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("DOE^JANE")
    for text in (
        f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><annotations>&x;</annotations>',
        '<!DOCTYPE a SYSTEM "http://localhost/x.dtd"><annotations/>',
        '<!DOCTYPE a [<!ENTITY b "1"><!ENTITY c "&b;&b;">]><annotations>&c;</annotations>',
        "<annotations>&undefined;</annotations>",
        "<a>" * 5000,
    ):
        with pytest.raises(MaskError) as caught:
            parse_annotations(text.encode(), "f.xml")
        assert "JANE" not in str(caught.value)


@pytest.mark.parametrize("kind", ["polygon", "rectangle"])
def test_numbers_that_lie_in_no_picture_are_not_called_words(kind: str) -> None:
    for far in (1e9, -1e12, 10**400):
        points = [[far, 200], [9, 9], [1, 9]][: 3 if kind == "polygon" else 2]
        with pytest.raises(MaskError, match="vertex lies far outside any picture"):
            parse_annotations(labelme(points, kind=kind), "a.json")
    with pytest.raises(MaskError, match="not pairs of numbers"):
        parse_annotations(labelme([["x", 200], [9, 9]], kind="rectangle"), "a.json")  # type: ignore[list-item]


@pytest.mark.parametrize("tool", WRITERS)
def test_a_file_about_another_picture_is_doubted_whatever_the_tool(tool: str) -> None:
    found = parse_annotations(WRITERS[tool]([[1, 1], [9, 1], [9, 9]]), "f.x")
    for name in ("a.png", "/data/x/a.png", "elsewhere/a.dcm", "C:\\pictures\\a.jpg"):
        assert pick_annotation(found, name, shape=(ROWS, COLUMNS))[1] == []
    _, [doubt] = pick_annotation(found, "b.png", shape=(ROWS, COLUMNS))
    assert doubt.startswith("f.x names another picture than this one")
    assert ";" not in doubt  # doubts of a case are parted by it


def test_labels_frames_holes_and_names(tmp_path: Path) -> None:
    outer, inner = [2, 2, 12, 2, 12, 12, 2, 12], [5, 5, 8, 5, 8, 8, 5, 8]
    data = json.loads(coco([[20, 20], [30, 20], [30, 30]]))
    data["annotations"].append(
        {"id": 10, "image_id": 3, "category_id": 2, "segmentation": [outer, inner]}
    )
    data["categories"].append({"id": 2, "name": "cyst"})
    content = json.dumps(data).encode()
    with pytest.raises(MaskError, match=r"several labels .*'cyst', 'liver'"):
        mask_of(content)
    assert int(mask_of(content, labels=["cyst"]).sum()) == 100 - 9
    with pytest.raises(MaskError, match="expected a shape called 'spleen'"):
        mask_of(content, labels=["spleen"])
    data["images"].append({"id": 4, "file_name": "b.png", "width": COLUMNS, "height": ROWS})
    path = tmp_path / "all.json"
    path.write_text(json.dumps(data))
    assert is_annotation_file(path)
    found = read_annotations(path)
    with pytest.raises(MaskError, match="not about this image"):
        pick_annotation(found, "c.png", shape=(ROWS, COLUMNS))
    with pytest.raises(MaskError, match="another size"):
        pick_annotation(found, "b.png", shape=(ROWS, COLUMNS + 1))
    film = b"""<annotations><track id="0" label="liver">
      <polygon frame="0" outside="0" points="1,1;5,1;5,5;1,5"/>
      <polygon frame="4" outside="0" points="1,1;9,1;9,9;1,9"/>
      <polygon frame="5" outside="1" points="1,1;9,1;9,9;1,9"/></track></annotations>"""
    [one] = parse_annotations(film, "f.xml")
    areas = [int(polygon_mask(one, (ROWS, COLUMNS), frame=k).sum()) for k in (0, 4)]
    assert areas == [16, 64]
    with pytest.raises(MaskError, match="no shape is drawn"):
        polygon_mask(one, (ROWS, COLUMNS), frame=5)


def test_a_bad_shape_of_one_picture_does_not_spoil_the_others() -> None:
    listed = [{"id": k, "file_name": f"{k}.png", "width": 9, "height": 8} for k in (1, 2)]
    good = {"image_id": 1, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 6]]}
    coco = {
        "images": listed,
        "categories": [{"id": 1, "name": "liver"}],
        "annotations": [{"id": 7, **good}, {"id": 8, **good, "image_id": 2, "category_id": 5}],
    }
    cvat = """<annotations><image name="1.png" width="9" height="8">
      <polygon label="liver" points="1,1;5,1;5,6"/></image><image name="2.png" width="9" height="8">
      <polygon label="liver" points="1,1;5,x"/></image></annotations>"""
    for content in (json.dumps(coco).encode(), cvat.encode()):
        found = parse_annotations(content, "file")
        assert pick_annotation(found, "1.png", shape=(8, 9))[0].shapes[0].label == "liver"
        with pytest.raises(MaskError, match=r"file, (annotation 8|image 2, shape 1)"):
            pick_annotation(found, "2.png", shape=(8, 9))


@given(
    angles=st.lists(st.floats(0, 6.28), min_size=4, max_size=12, unique=True),
    radii=st.lists(st.floats(2, 9), min_size=12, max_size=12),
)
@settings(max_examples=40, deadline=None)
def test_a_star_about_a_point_never_crosses_itself(angles: list[float], radii: list[float]) -> None:
    turn = np.sort(np.array(angles))
    if np.diff([*turn, turn[0] + 2 * np.pi]).max() >= 3 or np.diff(turn).min() < 1e-3:
        return  # the centre is not inside, or two vertices are nearly one
    r = np.array(radii[: turn.size])
    line = np.stack([20 + r * np.cos(turn), 20 + r * np.sin(turn)], axis=1)
    assert not crosses_itself(line)
    swapped = np.array([[0, 0], [4, 4], [4, 0], [0, 4]]) + line[:1]
    assert crosses_itself(swapped)


def test_outlines_that_cross_themselves_are_named_and_keyholes_are_not() -> None:
    bow = [[10, 10], [30, 25], [30, 10], [10, 25]]
    keyhole = [[5, 5], [25, 5], [25, 25], [5, 25], [5, 5], [10, 10], [15, 10], [15, 15], [10, 10]]
    for points, expected in ((bow, 1), (keyhole, 0)):
        [one] = parse_annotations(labelme(points), "case7.json")
        assert len(crossing_shapes(one)) == expected
    [one] = parse_annotations(labelme(bow), "case7.json")
    assert crossing_shapes(one)[0].startswith("case7.json, shape 1 'liver': the outline crosses")
    assert crossing_shapes(one, labels=("kidney",)) == []
