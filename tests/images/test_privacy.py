"""No field that identifies a patient is ever in an image, a note, a message or on the screen."""

from __future__ import annotations

import dataclasses
import pickle
import traceback

import numpy as np
import pytest

from radiofib.errors import ImageError, MaskError, RadiofibError
from radiofib.images import load_roi, overlay_png, read_image, read_mask
from radiofib.roi import Roi
from tests.images.dicom_objects import write_rtstruct, write_seg
from tests.images.dicoms import PATIENT, leaks, reread, write_dicom, write_enhanced, write_series

VOLUME = np.arange(5 * 6 * 4, dtype=np.uint16).reshape(5, 6, 4)


def _break_pixels(folder):
    path = folder / "s002.dcm"
    path.write_bytes(path.read_bytes()[:-30])
    return folder


def _break_header(folder):
    path = folder / "s002.dcm"
    data = path.read_bytes()
    at = data.index(b"Quixotica")
    path.write_bytes(data[: at + 4])
    return folder


def _bad_value(folder):
    path = folder / "s002.dcm"
    path.write_bytes(path.read_bytes().replace(b"MRN-8675309", b"MRN-\xff\xfe75309"))
    return folder


BROKEN = {
    "gap": lambda f: write_series(f, VOLUME, skip=(2,)),
    "double": lambda f: write_series(write_series(f, VOLUME), VOLUME[:1] + 1, names=["again"]),
    "mixed": lambda f: write_series(
        write_series(f, VOLUME), VOLUME, names=list("abcde"), SeriesInstanceUID="1.9"
    ),
    "tilt": lambda f: write_series(f, VOLUME, ImagePositionPatient=lambda z: [0, z * 1.0, z * 2.0]),
    "no position": lambda f: write_series(f, VOLUME, ImagePositionPatient=None),
    "text as number": lambda f: write_series(f, VOLUME, Rows=None),
    "pixels cut": lambda f: _break_pixels(write_series(f, VOLUME)),
    "header cut": lambda f: _break_header(write_series(f, VOLUME)),
    "seg": lambda f: write_dicom(f / "seg.dcm", kind="SEG"),
    "film": lambda f: write_dicom(f / "cine.dcm", VOLUME.astype(np.uint8), kind="US"),
    "enhanced cut": lambda f: _cut(
        write_enhanced(f / "e.dcm", VOLUME, order=[0, 1, 2, 3, 4], slopes=[1.0] * 5)
    ),
    "not parallel": lambda f: write_series(
        write_series(f, VOLUME), VOLUME[:1], names=["loc"], orientation=(0, 1, 0, 0, 0, -1)
    ),
}


def _cut(path):
    path.write_bytes(path.read_bytes()[:-50])
    return path


def _everything(error: BaseException) -> list[str]:
    shown = "".join(traceback.format_exception(error))
    fields = [str(v) for v in vars(error).values()]
    return [str(error), repr(error), shown, str(pickle.loads(pickle.dumps(error))), *fields]  # noqa: S301


@pytest.mark.parametrize("name", BROKEN)
def test_no_patient_field_in_any_error(tmp_path, name, capfd, recwarn):
    path = BROKEN[name](tmp_path / "study")
    with pytest.raises(RadiofibError) as caught:
        read_image(path)
    assert isinstance(caught.value, ImageError)
    with pytest.raises(MaskError) as as_mask:
        read_mask(path)
    screen = capfd.readouterr()
    warned = [str(w.message) for w in recwarn]
    texts = [*_everything(caught.value), *_everything(as_mask.value), *screen, *warned]
    assert leaks(*texts) == []


def test_no_patient_field_in_image_or_roi(tmp_path, capfd, recwarn):
    folder = _bad_value(write_series(tmp_path / "study", VOLUME))
    assert leaks(reread(folder / "s000.dcm")) != []
    image = read_image(folder)
    roi = load_roi(folder, folder, mask_label=7, channel="t1")
    assert isinstance(roi, Roi)
    for thing in (image, roi):
        for field in dataclasses.fields(thing):
            value = getattr(thing, field.name)
            raw = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
            assert leaks(raw.decode("latin-1"), repr(thing)) == []
    assert leaks(*capfd.readouterr(), *[str(w.message) for w in recwarn]) == []
    png = overlay_png(roi, tmp_path / "o.png").read_bytes()
    assert leaks(png.decode("latin-1")) == []


SQUARE = np.array([[-9.0, 21.0, -28.0], [-9.0, 25.0, -28.0], [-8.0, 25.0, -28.0]])
NAMES = dict.fromkeys(range(10), "lesion of Quixotica")


def _objects(folder):
    """Write an image, and masks of it whose regions are named after the patient."""
    write_series(folder / "image", VOLUME, FrameOfReferenceUID="1.2.826.8675309.1")
    masks = {n: np.equal(VOLUME % 3, n) for n in (0, 1, 2)}
    segments = {n + 2: mask for n, mask in masks.items()}
    frame = "1.2.826.8675309.2"
    return {
        "seg": write_seg(folder / "seg", segments, names=NAMES, frame=frame),
        "fractional": write_seg(
            folder / "f", {2: masks[1] * 200}, names=NAMES, kind="FRACTIONAL", frame=frame
        ),
        "rtstruct": write_rtstruct(folder / "rt", {2: [SQUARE]}, names=NAMES, frame=frame),
        "far": write_rtstruct(folder / "far", {2: [SQUARE + 500]}, names=NAMES),
        "twice": write_seg(folder / "twice", {2: masks[1], 3: masks[1]}, names=NAMES),
    }


def test_no_patient_field_in_masks_that_are_dicom_objects(tmp_path, capfd, recwarn):
    paths = _objects(tmp_path)
    image = read_image(tmp_path / "image")
    assert leaks(reread(paths["seg"])) != []
    assert leaks(reread(paths["rtstruct"]).StructureSetROISequence) == ["Quixotica"]
    texts: list[object] = []
    for name in ("seg", "fractional", "rtstruct"):
        mask = read_mask(paths[name], on=image)
        roi = load_roi(tmp_path / "image", paths[name], mask_label=2, channel="t1")
        texts += [repr(mask), repr(roi)]
        texts += [str(getattr(mask, field.name)) for field in dataclasses.fields(mask)]
        texts += [str(getattr(roi, field.name)) for field in dataclasses.fields(roi)]
    wrong = [("seg", None), ("seg", 9), ("rtstruct", 9), ("far", 2), ("twice", 7)]
    for name, label in wrong:
        with pytest.raises(MaskError) as caught:
            load_roi(tmp_path / "image", paths[name], mask_label=label, channel="t1")
        texts += _everything(caught.value)
    with pytest.raises(MaskError, match="overlap") as caught:
        read_mask(paths["twice"])
    texts += _everything(caught.value)
    texts += [*capfd.readouterr(), *[str(w.message) for w in recwarn]]
    assert leaks(*texts) == []
    assert not any("1.2.826" in str(text) for text in texts)


def test_patient_field_of_every_kind_is_written_for_this_test(tmp_path):
    header = reread(write_dicom(tmp_path / "x.dcm", VOLUME[0]))
    for name, value in PATIENT.items():
        assert str(header.get(name)) == value
