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


def test_patient_field_of_every_kind_is_written_for_this_test(tmp_path):
    header = reread(write_dicom(tmp_path / "x.dcm", VOLUME[0]))
    for name, value in PATIENT.items():
        assert str(header.get(name)) == value
