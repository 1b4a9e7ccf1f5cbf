"""Ultrasound files: told by content, every form of pixel, films, calibration, no identity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pydicom
import pydicom.encaps
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import ConfigError, ImageError, RadiofibError
from radiofib.images.dicom_ultrasound import read_regions
from radiofib.images.ultrasound import choose_frames, read_frames
from tests.images.dicoms import PATIENT, write_dicom
from tests.images.ultrasound_files import region, write_film

GREY = np.add.outer(np.arange(20), 3 * np.arange(30)).astype(np.uint8)
COLOUR = np.stack([GREY, GREY // 2, 255 - GREY], axis=-1)


def only(path: Path, choice: str | int = "middle"):
    [frame] = read_frames(path, choice)
    return frame


@pytest.mark.parametrize(
    ("name", "form", "values"),
    [
        ("a.jpg", "PNG", GREY),
        ("a.dcm", "BMP", GREY),
        ("a", "TIFF", GREY),
        ("a.png", "PNG", COLOUR),
        ("b.png", "PNG", GREY.astype(np.uint16) * 200),
    ],
)
def test_pixels_come_back_whatever_the_name(
    tmp_path: Path, name: str, form: str, values: np.ndarray
) -> None:
    PIL.Image.fromarray(values).save(tmp_path / name, format=form)
    frame = only(tmp_path / name)
    assert frame.values.dtype == values.dtype
    assert np.array_equal(frame.values, values)
    assert (frame.name, frame.regions, frame.spacing_mm) == ("", (), None)


def test_palette_alpha_and_grey_kept_as_colour(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.repeat(GREY[..., None], 3, -1)).save(tmp_path / "rgb.png")
    assert np.array_equal(only(tmp_path / "rgb.png").values, GREY)
    PIL.Image.fromarray(COLOUR).convert("P").save(tmp_path / "p.png")
    frame = only(tmp_path / "p.png")
    assert frame.values.shape == (20, 30, 3)
    assert any("palette" in n for n in frame.notes)
    alpha = np.dstack([COLOUR, np.full(GREY.shape, 255, np.uint8)])
    alpha[:5, :, 3] = 0
    PIL.Image.fromarray(alpha).save(tmp_path / "a.png")
    frame = only(tmp_path / "a.png")
    assert not frame.values[:5].any()
    assert np.array_equal(frame.values[5:], COLOUR[5:])
    assert any("transparent" in n for n in frame.notes)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF"])
def test_a_file_cut_short_says_so(tmp_path: Path, form: str) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "cut"
    PIL.Image.fromarray(rng.integers(0, 255, (90, 90), dtype=np.uint8)).save(path, format=form)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(ImageError, match="cut short"):
        list(read_frames(path))


def test_what_is_no_picture_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    PIL.Image.fromarray(GREY.astype(np.float32) + 0.5).save(tmp_path / "f.tif")
    for name, said in (("a.png", "text file"), ("f.tif", "grey levels"), (".", "folder")):
        with pytest.raises(ImageError, match=said):
            list(read_frames(tmp_path / name))


@pytest.mark.parametrize(
    ("syntax", "kind"),
    [
        ("1.2.840.10008.1.2.4.100", "MPEG-2"),
        ("1.2.840.10008.1.2.4.102", "H.264"),
        ("1.2.840.10008.1.2.4.104.1", "H.264"),
        ("1.2.840.10008.1.2.4.107", "H.265"),
    ],
)
def test_a_film_compressed_as_video_is_not_called_damaged(
    tmp_path: Path, syntax: str, kind: str
) -> None:
    path = write_film(tmp_path / "a.dcm", GREY[None].repeat(3, axis=0))
    film = pydicom.dcmread(path)
    film.PixelData = pydicom.encaps.encapsulate([b"no frame of its own."])
    film["PixelData"].VR = "OB"
    film["PixelData"].is_undefined_length = True
    film.file_meta.TransferSyntaxUID = syntax
    film.save_as(path)
    with pytest.raises(ImageError, match=r"compressed as video.*Next: export its frames") as caught:
        only(path)
    assert kind in str(caught.value)
    assert "damaged" not in str(caught.value)


def test_films_in_gif_and_tiff(tmp_path: Path) -> None:
    stills = [PIL.Image.fromarray(GREY + 10 * k) for k in range(7)]
    for form in ("GIF", "TIFF"):
        path = tmp_path / form
        stills[0].save(path, format=form, save_all=True, append_images=stills[1:])
        frames = list(read_frames(path, 3))
        assert [f.name for f in frames] == ["f000", "f003", "f006"]
        assert [int(f.values[0, 0]) for f in frames] == [0, 30, 60]


@given(count=st.integers(1, 500), step=st.integers(1, 600))
@settings(max_examples=50, deadline=None)
def test_chosen_frames_exist_and_are_apart(count: int, step: int) -> None:
    for rule in ("all", "first", "middle", step):
        chosen = choose_frames(count, rule)
        assert chosen
        assert all(0 <= n < count for n in chosen)
        assert chosen == sorted(set(chosen))
    assert set(np.diff(choose_frames(count, step))) <= {step}


@pytest.mark.parametrize("rule", ["last", 0, -3, True])
def test_other_rules_are_refused(rule: object) -> None:
    with pytest.raises(ConfigError, match="every n-th"):
        choose_frames(3, rule)  # type: ignore[arg-type]


def test_dicom_film_with_calibration(tmp_path: Path) -> None:
    frames = np.stack([np.repeat((GREY + k)[..., None], 3, -1) for k in range(5)])
    frames[..., 2] = 9
    path = write_film(tmp_path / "film", frames, [region((2, 18, 3, 27), (0.02, 0.025))])
    found = list(read_frames(path, 2))
    assert [f.number for f in found] == [0, 2, 4]
    for frame in found:
        assert np.array_equal(frame.values, frames[frame.number])
        assert frame.regions[0].rows == (2, 19)
        assert frame.regions[0].spacing_mm == pytest.approx((0.2, 0.25))


def test_photometric_interpretations(tmp_path: Path) -> None:
    ybr = np.asarray(PIL.Image.fromarray(COLOUR).convert("YCbCr"))
    path = write_film(tmp_path / "ybr", ybr[None], PhotometricInterpretation="YBR_FULL")
    assert np.abs(only(path).values.astype(int) - COLOUR).max() <= 3
    path = write_film(tmp_path / "m1", GREY[None], PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(only(path).values, 255 - GREY)
    lut = np.arange(256, dtype=np.uint16)
    table = {
        f"{name}PaletteColorLookupTable{part}": value
        for name, ramp in (("Red", lut), ("Green", lut[::-1]), ("Blue", 0 * lut))
        for part, value in (
            ("Descriptor", [256, 0, 16]),
            ("Data", (ramp * 257).astype("<u2").tobytes()),
        )
    }
    path = write_film(
        tmp_path / "pal", GREY[None], PhotometricInterpretation="PALETTE COLOR", **table
    )
    values = only(path).values
    assert np.array_equal(values[..., 0], GREY)  # eight bits, though the table has sixteen
    assert np.array_equal(values[..., 1], 255 - GREY)


def test_regions_several_odd_and_without_calibration(tmp_path: Path) -> None:
    regions = [
        region((0, 19, 15, 29)),
        region((0, 19, 0, 14), None),
        region((4, 12, 17, 26), RegionDataType=2),
        region((0, 19, 0, 29), RegionSpatialFormat=2),
        region((900, 950, 0, 29)),
    ]
    path = write_film(tmp_path / "two", GREY[None], regions)
    found, notes = read_regions(path, GREY.shape)
    assert [r.columns for r in found] == [(0, 15), (15, 30)]
    assert found[0].spacing_mm is None
    assert found[1].spacing_mm == pytest.approx((0.3, 0.3))
    assert any("does not lie on the screen" in n for n in notes)
    plain = write_film(tmp_path / "plain", GREY[None])
    frame = only(plain)
    assert (frame.regions, frame.spacing_mm) == ((), None)
    stated = write_film(tmp_path / "stated", GREY[None], PixelSpacing=[0.4, 0.5])
    assert only(stated).spacing_mm == (0.4, 0.5)


def test_nothing_of_the_header_comes_back(tmp_path: Path) -> None:
    frames = np.stack([GREY] * 3)
    whole = write_film(tmp_path / "whole", frames, [region((2, 18, 3, 27))])
    said = [repr(vars(f)) for f in read_frames(whole, "all")]
    data = whole.read_bytes()
    broken = {
        "cut": data[: len(data) - 700],
        "header": data[: data.index(b"Quixotica") + 4],
        "value": data.replace(b"MRN-8675309", b"MRN-\xff\xfe75309"),
    }
    for name, content in broken.items():
        path = tmp_path / name
        path.write_bytes(content)
        try:
            said += [repr(vars(f)) for f in read_frames(path, "all")]
        except RadiofibError as error:
            said.append(str(error) + repr(error.__cause__) + repr(error.__context__))
    report = write_dicom(tmp_path / "sr", None, kind="US", Modality="SR")
    with pytest.raises(ImageError) as caught:
        list(read_frames(report))
    said.append(str(caught.value))
    for words in PATIENT.values():
        assert not any(str(words) in text for text in said)


def test_a_film_is_not_read_as_one_picture_and_the_message_says_how(tmp_path: Path) -> None:
    from radiofib.images import read_image

    path = write_film(tmp_path / "film", np.stack([GREY] * 3))
    assert pydicom.dcmread(path).NumberOfFrames == 3
    with pytest.raises(ImageError, match="radiofib ultrasound clean"):
        read_image(path)


def test_a_file_that_says_text_is_burned_in_is_noted(tmp_path: Path) -> None:
    for stated, count in (("YES", 1), ("NO", 0), (None, 0)):
        path = write_film(tmp_path / f"{stated}", GREY[None], BurnedInAnnotation=stated)
        assert sum("burned in" in note for note in only(path).notes) == count
