"""Section embedding of a configuration, from files to the table."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
import pytest
import SimpleITK as sitk

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnx", reason="needs the package 'onnx'")

from onnx import helper

from radiofib.deep.network import open_network, run_pictures
from radiofib.engines import ExtractionConfig
from radiofib.engines.embedding import EmbeddingSettings
from radiofib.errors import ConfigError, ModelError
from radiofib.extract import extract_features
from radiofib.extract.doubts import doubts_of
from radiofib.extract.embedding import embedder_of, shown_part
from radiofib.provenance import hash_file
from radiofib.registry import parse_column
from radiofib.roi import Roi
from radiofib.table import FeatureTable
from tests.deep import nets
from tests.extract import cohorts

NET = [f"us_original_deep_net_e{n:03d}" for n in range(1, 6)]
MEANS = {"mean": [0, 0, 0], "sd": [1, 1, 1]}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return nets.extractor(tmp_path / "net.onnx", card=nets.facts())


def config(model: Path, *, texture: bool = False, **embedding: Any) -> ExtractionConfig:
    more = {k: embedding.pop(k) for k in ("instances", "aggregate") if k in embedding}
    section = {"model": str(model), "name": "net", "region": "whole"} | embedding
    base = {**cohorts.FAST} if texture else {}
    return ExtractionConfig.parse(
        {**base, "texture": texture, "embedding": section, **more}, where="test"
    )


def extract(
    folder: Path,
    frame: pd.DataFrame,
    settings: ExtractionConfig,
    *,
    workers: int = 1,
    to: str = "p",
) -> tuple[FeatureTable, list[Any]]:
    cohort = cohorts.cohort(frame, folder)
    return extract_features(cohort, settings, pieces_dir=folder / to, workers=workers)


def test_columns_are_the_networks_own_output(tmp_path: Path, model: Path) -> None:
    frame = cohorts.ultrasound(tmp_path)
    table, failures = extract(tmp_path, frame, config(model))
    assert not failures
    assert list(table.X.columns) == NET
    paths = [tmp_path / name for name in frame["image"]]
    wanted = [f.outputs for f in run_pictures(open_network(model), paths, ["embedding"])]
    rows = np.stack([w["embedding"] for w in wanted if w is not None])
    np.testing.assert_array_equal(table.X.to_numpy(), rows.astype(np.float64))
    assert len({r.tobytes() for r in rows}) == len(frame)


def test_beside_handcrafted_features_both_are_as_alone(tmp_path: Path, model: Path) -> None:
    frame = cohorts.ultrasound(tmp_path)
    both, _ = extract(tmp_path, frame, config(model, texture=True))
    alone, _ = extract(tmp_path, frame, config(model))
    texture, _ = extract(tmp_path, frame, cohorts.config())
    pd.testing.assert_frame_equal(both.X[NET], alone.X)
    pd.testing.assert_frame_equal(both.X[texture.X.columns], texture.X)
    assert list(both.X.columns) == [*texture.X.columns, *NET]


def test_codebook_and_provenance(tmp_path: Path, model: Path) -> None:
    table, _ = extract(tmp_path, cohorts.ultrasound(tmp_path, 2), config(model))
    first = table.codebook.iloc[0]
    assert first["label"] == "US original image, embedding: net, component 1"
    assert (first["family"], first["feature"], first["unit"]) == ("deep", "net_e001", "1")
    said = table.provenance["embedding"]
    assert said["sha256"] == hash_file(model)
    assert said["features"] == 5
    assert str(model) not in str(table.provenance)


def test_table_survives_its_file(tmp_path: Path, model: Path) -> None:
    table, _ = extract(tmp_path, cohorts.ultrasound(tmp_path, 2), config(model))
    table.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(FeatureTable.read(tmp_path / "t.parquet").X, table.X)


@pytest.mark.slow
def test_one_worker_and_two_give_equal_bytes(tmp_path: Path, model: Path) -> None:
    frame = cohorts.ultrasound(tmp_path)
    files = []
    for workers in (1, 2):
        table, _ = extract(
            tmp_path, frame, config(model, texture=True), workers=workers, to=f"p{workers}"
        )
        table.to_parquet(tmp_path / f"{workers}.parquet")
        files.append((tmp_path / f"{workers}.parquet").read_bytes())
    assert files[0] == files[1]


def test_finished_piece_is_kept_for_this_model_alone(tmp_path: Path, model: Path) -> None:
    frame = cohorts.ultrasound(tmp_path, 3)
    seen: list[str] = []

    def run(path: Path) -> FeatureTable:
        seen.clear()
        table, _ = extract_features(
            cohorts.cohort(frame, tmp_path),
            config(path),
            pieces_dir=tmp_path / "p",
            workers=1,
            progress=lambda _d, _t, text: seen.append(text),
        )
        return table

    first = run(model)
    assert [s.rpartition(" ")[2] for s in seen] == ["done"] * 3
    moved = tmp_path / "elsewhere" / "other.onnx"
    moved.parent.mkdir()
    shutil.copy(model, moved)
    again = run(moved)
    assert [s.rpartition(" ")[2] for s in seen] == ["kept"] * 3
    assert again.provenance == first.provenance
    nets.extractor(model, card=nets.facts(preprocessing={"mean": [0.1, 0.1, 0.1]}))
    other = run(model)
    assert [s.rpartition(" ")[2] for s in seen] == ["done"] * 3
    assert not np.allclose(other.X, first.X)


def test_bad_image_is_a_failure_of_its_case_alone(tmp_path: Path, model: Path) -> None:
    frame = cohorts.ultrasound(tmp_path)
    whole, _ = extract(tmp_path, frame, config(model), to="a")
    (tmp_path / "c1.png").write_bytes(b"no picture")
    (tmp_path / "c3.png").unlink()
    cohort = cohorts.cohort(frame, tmp_path)
    table, failures = extract_features(cohort, config(model), pieces_dir=tmp_path / "b", workers=1)
    assert [f.case for f in (*cohort.failures, *failures)] == ["c3", "c1"]
    kept = [0, 2, 4]
    np.testing.assert_array_equal(table.X.to_numpy(), whole.X.to_numpy()[kept])


def log_net(path: Path) -> Path:
    """Write a network whose output is not finite on black pictures."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["p"]),
        helper.make_node("Log", ["p"], ["l"]),
        helper.make_node("Flatten", ["l"], ["embedding"]),
    ]
    facts = nets.facts(preprocessing=MEANS, outputs=[{"name": "embedding", "role": "embedding"}])
    return nets.save(
        path, nodes, {}, image=("N", 3, 8, 8), outputs=[("embedding", ("N", 3))], card=facts
    )


def test_facts_that_are_stated_nowhere_belong_under_embedding(tmp_path: Path) -> None:
    bare = nets.extractor(tmp_path / "bare.onnx")
    with pytest.raises(ConfigError, match=r"embedding: \{card: \{\.\.\.\}\}") as caught:
        embedder_of(config(bare))
    assert "given with --card" not in str(caught.value)
    assert embedder_of(config(bare, card=nets.facts())) is not None


@pytest.mark.parametrize("texture", [False, True])
def test_output_that_is_not_finite(tmp_path: Path, texture: bool) -> None:
    frame = cohorts.ultrasound(tmp_path, 3)
    dark = np.zeros((20, 24), np.uint8)
    dark[0, 0] = 1
    PIL.Image.fromarray(dark).save(tmp_path / "c1.png")
    settings = config(log_net(tmp_path / "log.onnx"), texture=texture)
    table, failures = extract(tmp_path, frame, settings)
    deep = [c for c in table.X if "_deep_" in c]
    if texture:
        assert [(f.case, f.channel, f.step) for f in failures] == [("c1", "us", "embedding")]
        assert "embedding is not finite" in failures[0].reason
        assert table.X.loc[1, deep].isna().all()
        assert table.X.loc[1, "us_original_firstorder_mean"] == pytest.approx(1 / 480)
        reasons = table.missing.loc[table.missing["case"] == "c1", "reason"]
        assert any("embedding is not finite" in r for r in reasons)
    else:
        assert [f.case for f in failures] == ["c1"]
        assert "embedding is not finite" in failures[0].reason
        assert failures[0].reason.count("Next:") == 1
        assert failures[0].reason.endswith("the card's preprocessing is the training's.")
    assert table.X.loc[table.obs["case"] != "c1", deep].notna().all(axis=None)


def test_colour_is_shown_as_grey_and_16_bits_by_their_white(tmp_path: Path, model: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (20, 24)).astype(np.uint8)
    PIL.Image.fromarray(grey).save(tmp_path / "c0.png")
    PIL.Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).save(tmp_path / "c1.png")
    PIL.Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "c2.png")
    frame = cohorts.ultrasound(tmp_path / "x", 0)
    rows = [{"case": f"c{i}", "channel": "us", "image": f"c{i}.png"} for i in range(3)]
    frame = pd.DataFrame(rows)
    table, failures = extract(tmp_path, frame, config(model))
    assert not failures
    values = table.X.to_numpy()
    np.testing.assert_array_equal(values[0], values[1])
    # Resized in 16 bits and not in 8: equal to half a grey level.
    np.testing.assert_allclose(values[0], values[2], atol=0.02)


def test_12_bits_in_16_are_refused_with_the_reason(tmp_path: Path, model: Path) -> None:
    ramp = np.linspace(0, 255, 480).reshape(20, 24).round().astype(np.uint8)
    PIL.Image.fromarray(16 * ramp.astype(np.uint16)).save(tmp_path / "c0.png")
    frame = pd.DataFrame([{"case": "c0", "channel": "us", "image": "c0.png"}])
    _, failures = extract(tmp_path, frame, config(model))
    assert "too little of the range" in failures[0].reason
    table, _ = extract(tmp_path, frame, config(model, white=16 * 255))
    PIL.Image.fromarray(ramp).save(tmp_path / "c0.png")
    white, _ = extract(tmp_path, frame, config(model))
    # Eight bits are rounded again when the picture is brought to the network's size.
    np.testing.assert_allclose(table.X, white.X, rtol=2e-3)


def dicom_frame(path: Path, grey: np.ndarray, bits: int, **changes: Any) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    frame = Dataset()
    frame.SOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    frame.SOPInstanceUID = generate_uid()
    frame.Modality = "US"
    frame.Rows, frame.Columns, frame.SamplesPerPixel = *grey.shape, 1
    frame.PhotometricInterpretation = "MONOCHROME2"
    frame.BitsAllocated = 8 * grey.itemsize
    frame.BitsStored, frame.HighBit, frame.PixelRepresentation = bits, bits - 1, 0
    frame.PixelData = grey.tobytes()
    for name, value in changes.items():
        setattr(frame, name, value)
    frame.file_meta = FileMetaDataset()
    frame.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    frame.save_as(path, enforce_file_format=True)


def test_white_of_a_dicom_frame_of_8_bits_is_255_and_noted(tmp_path: Path, model: Path) -> None:
    grey = np.random.default_rng(3).integers(0, 256, (20, 24)).astype(np.uint8)
    dicom_frame(tmp_path / "c0.dcm", grey, 8)
    cases = pd.DataFrame([{"case": "c0", "channel": "us", "image": "c0.dcm"}])
    table, failures = extract(tmp_path, cases, config(model))
    assert not failures
    flags = [flag for flag in table.provenance["flags"] if "white is 255" in str(flag)]
    assert flags
    PIL.Image.fromarray(grey).save(tmp_path / "c0.png")
    png, _ = extract(tmp_path, cases.assign(image="c0.png"), config(model))
    np.testing.assert_array_equal(table.X, png.X)
    assert not png.provenance["flags"]
    stated, _ = extract(tmp_path, cases, config(model, white=255))
    np.testing.assert_array_equal(table.X, stated.X)
    assert not stated.provenance["flags"]


@pytest.mark.parametrize(("bits", "changes"), [(12, {}), (8, {"RescaleSlope": 2})])
def test_white_of_other_dicom_frames_must_be_stated(
    tmp_path: Path, model: Path, bits: int, changes: dict[str, Any]
) -> None:
    kind = np.uint8 if bits == 8 else np.uint16
    grey = np.random.default_rng(3).integers(0, 2**bits, (20, 24)).astype(kind)
    dicom_frame(tmp_path / "c0.dcm", grey, bits, **changes)
    cases = pd.DataFrame([{"case": "c0", "channel": "us", "image": "c0.dcm"}])
    _, failures = extract(tmp_path, cases, config(model))
    assert "does not say which value is white" in failures[0].reason
    _, failures = extract(tmp_path, cases, config(model, white=2 ** (bits + 1) - 1))
    assert not failures


def test_white_of_a_palette_is_that_of_its_table(tmp_path: Path, model: Path) -> None:
    grey = np.random.default_rng(3).integers(0, 256, (20, 24)).astype(np.uint8)
    table = (np.arange(256) * 257).astype("<u2").tobytes()
    changes: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        changes[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        changes[f"{colour}PaletteColorLookupTableData"] = table
    dicom_frame(tmp_path / "c0.dcm", grey, 8, **changes)
    PIL.Image.fromarray(grey).save(tmp_path / "c0.png")
    cases = pd.DataFrame([{"case": "c0", "channel": "us", "image": "c0.dcm"}])
    table_, failures = extract(tmp_path, cases, config(model))
    png, _ = extract(tmp_path, cases.assign(image="c0.png"), config(model))
    assert not failures
    np.testing.assert_array_equal(table_.X, png.X)


def test_white_of_one_picture_is_what_its_row_says(tmp_path: Path, model: Path) -> None:
    grey = np.random.default_rng(3).integers(0, 256, (20, 24)).astype(np.uint8)
    PIL.Image.fromarray(grey).save(tmp_path / "c0.png")
    PIL.Image.fromarray(grey.astype(np.uint16) * 16).save(tmp_path / "c1.png")
    cases = pd.DataFrame([{"case": f"c{k}", "channel": "us", "image": f"c{k}.png"} for k in (0, 1)])
    _, failures = extract(tmp_path, cases, config(model))
    assert "too little" in failures[0].reason or "white" in failures[0].reason
    cases["white_grey"] = [None, 16 * 255]
    found, failures = extract(tmp_path, cases, config(model))
    assert not failures
    np.testing.assert_allclose(found.X.iloc[1], found.X.iloc[0], rtol=5e-3, atol=1e-3)


def test_pictures_of_14_bits_in_16_are_a_doubt(tmp_path: Path, model: Path) -> None:
    grey = np.random.default_rng(3).integers(0, 2**14, (20, 24)).astype(np.uint16)
    PIL.Image.fromarray(grey).save(tmp_path / "c0.png")
    cases = pd.DataFrame([{"case": "c0", "channel": "us", "image": "c0.png"}])
    table, _ = extract(tmp_path, cases, config(model))
    [doubt] = doubts_of(table)["doubt"]
    assert "14 bits in 16" in doubt
    assert "white: 16383" in doubt
    for told in ({"white": 16383}, {}):
        rows = cases if told else cases.assign(white_grey=16383)
        table, _ = extract(tmp_path, rows, config(model, **told))
        assert not len(doubts_of(table))


def test_box_of_the_mask_with_its_margin(tmp_path: Path, model: Path) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (40, 50)).astype(np.uint8)
    mask = np.zeros((40, 50), np.uint8)
    mask[10:20, 30:50] = 1
    PIL.Image.fromarray(pixels).save(tmp_path / "c0.png")
    PIL.Image.fromarray(mask).save(tmp_path / "m0.png")
    frame = pd.DataFrame([{"case": "c0", "channel": "us", "image": "c0.png", "mask": "m0.png"}])
    table, failures = extract(tmp_path, frame, config(model, region="box", margin=0.15))
    assert not failures
    # 0.15 of 10 rows is 2 rounded up, of 20 columns 3; the picture ends at column 50.
    PIL.Image.fromarray(pixels[8:22, 27:50]).save(tmp_path / "cut.png")
    [wanted] = run_pictures(open_network(model), [tmp_path / "cut.png"], ["embedding"])
    assert wanted.outputs is not None
    np.testing.assert_array_equal(table.X.to_numpy()[0], wanted.outputs["embedding"])


def test_box_of_a_volume_lies_where_it_lay() -> None:
    mask = np.zeros((6, 8, 10), bool)
    mask[2:4, 3:6, 4:9] = True
    roi = Roi(
        np.arange(480.0).reshape(6, 8, 10),
        mask,
        (3.0, 2.0, 1.0),
        "t1",
        origin_mm=(10.0, 20.0, 30.0),
        direction=(0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0),
    )
    part = shown_part(roi, EmbeddingSettings(model="m", name="n", region="box", margin=0))
    np.testing.assert_array_equal(part.pixels, roi.pixels[2:4, 3:6, 4:9])
    # x and y are exchanged by the direction: 3 rows of 2 mm along x, 4 columns of 1 mm along y.
    assert part.origin_mm == (10 + 6, 20 + 4, 30 + 6)


def test_channels_that_are_not_named_have_no_columns(tmp_path: Path, model: Path) -> None:
    frame = cohorts.ultrasound(tmp_path, 2)
    other = frame.assign(channel="usb")
    both = pd.concat([frame, other], ignore_index=True)
    table, _ = extract(tmp_path, both, config(model, texture=True, channels=["us"]))
    assert [c for c in table.X if "_deep_" in c] == NET


def volumes(tmp_path: Path) -> pd.DataFrame:
    frame = cohorts.two_sequences(tmp_path)
    return frame[frame["channel"] == "T1"].reset_index(drop=True)


GREY = {"type": "window", "low": -50, "high": 900}


def test_volume_and_a_network_of_pictures(tmp_path: Path, model: Path) -> None:
    frame = volumes(tmp_path)
    _, failures = extract(tmp_path, frame, config(model))
    assert all("takes pictures, and the region is a volume" in f.reason for f in failures)
    _, failures = extract(tmp_path, frame, config(model, slice="largest"))
    assert all("state under 'embedding' how they become grey" in f.reason for f in failures)
    table, failures = extract(tmp_path, frame, config(model, slice="largest", intensity=GREY))
    assert not failures
    # The first of the slices that hold most: number 1 of the cohort's volumes.
    image = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "m0_T1.nii.gz")))
    share = np.clip((image[1] + 50) / 950, 0, 1)
    from radiofib.deep.inputs import picture_input

    net = open_network(model)
    given = picture_input(share, net.card.preprocessing, white=1.0)[None]
    values, *_ = net.run(given, ["embedding"])
    np.testing.assert_allclose(table.X.to_numpy()[0], values["embedding"][0], atol=1e-6)


def test_slices_are_rows_and_can_be_summed_up(tmp_path: Path, model: Path) -> None:
    frame = volumes(tmp_path)
    cut = {"instances": {"kind": "slices"}, "intensity": GREY}
    table, failures = extract(tmp_path, frame, config(model, **cut))
    assert not failures
    assert table.n_rows == 12  # four slices of each of three volumes
    assert table.X.notna().all(axis=None)
    both, _ = extract(tmp_path, frame, config(model, texture=True, **cut))
    pd.testing.assert_frame_equal(both.X[table.X.columns], table.X)
    summed, _ = extract(tmp_path, frame, config(model, aggregate=["mean"], **cut))
    name = "t1_original_avgdeep_net_e003"
    wanted = table.X["t1_original_deep_net_e003"].groupby(table.obs["case"]).mean()
    np.testing.assert_allclose(summed.X[name], wanted.to_numpy())
    assert parse_column(name).spec.label == "mean of net, component 3"


def test_windows_of_the_whole_picture_are_refused(model: Path) -> None:
    windows = {"kind": "windows", "size": 8}
    with pytest.raises(ConfigError, match="region: box"):
        config(model, instances=windows)
    assert config(model, instances=windows, region="box").embedding is not None


def volume_net(path: Path, **how: Any) -> Path:
    """Write a network of volumes: the means of the volume and of its first slice."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["m"], axes=[2, 3, 4], keepdims=0),
        helper.make_node("Slice", ["image", "from", "to", "axis"], ["top"]),
        helper.make_node("ReduceMean", ["top"], ["t"], axes=[2, 3, 4], keepdims=0),
        helper.make_node("Concat", ["m", "t"], ["embedding"], axis=1),
    ]
    import onnx
    from onnx import TensorProto, numpy_helper

    constants = {"from": [0], "to": [1], "axis": [2]}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ("N", 1, "a", "b", "c"))],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ("N", 2))],
        [numpy_helper.from_array(np.array(v, np.int64), k) for k, v in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(made, str(path))
    from radiofib.deep.card import ModelCard, with_card

    facts = nets.facts(
        kind="volume",
        outputs=[{"name": "embedding", "role": "embedding"}],
        preprocessing={
            "colour": "grey",
            "size": None,
            "resize": "none",
            "mean": [0],
            "sd": [1],
            "layout": "NCDHW",
            "spacing_mm": [0.8, 0.9, 3.0],
            "orientation": "LPS",
            "normalisation": {"type": "none"},
        }
        | how,
    )
    return with_card(path, ModelCard.parse(facts, where="test"), path)


@pytest.mark.parametrize(("orientation", "top"), [("LPS", 0), ("LPI", -1)])
def test_network_of_volumes_sees_the_volume_as_its_card_says(
    tmp_path: Path, orientation: str, top: int
) -> None:
    model = volume_net(tmp_path / "v.onnx", orientation=orientation)
    table, failures = extract(tmp_path, volumes(tmp_path), config(model))
    assert not failures
    image = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "m0_T1.nii.gz")))
    wanted = [image.mean(), image[top].mean()]
    np.testing.assert_allclose(table.X.to_numpy()[0], wanted, rtol=1e-4)
    boxed, _ = extract(tmp_path, volumes(tmp_path), config(model, region="box", margin=0))
    part = image[1:5, 2:10, 3:11]
    wanted = [part.mean(), part[top].mean()]
    np.testing.assert_allclose(boxed.X.to_numpy()[0], wanted, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("resize", "size", "reason"),
    [
        ("crop", (4, 20, 6), ""),
        ("stretch", (3, 5, 7), ""),
        ("pad", (8, 16, 16), ""),
        ("pad", (4, 16, 16), "expected 4 or fewer voxels along axis 0; found 6"),
        ("none", (6, 12, 15), "expected 15 voxels along axis 2; found 14"),
    ],
)
def test_sizes_of_volumes(tmp_path: Path, resize: str, size: tuple[int, ...], reason: str) -> None:
    model = volume_net(tmp_path / "v.onnx", resize=resize, size=size)
    table, failures = extract(tmp_path, volumes(tmp_path), config(model))
    if reason:
        assert all(reason in f.reason for f in failures)
        assert len(failures) == 3
        return
    image = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "m0_T1.nii.gz"))).astype(float)
    if resize == "crop":
        filled = np.pad(image[1:5, :, 4:10], ((0, 0), (4, 4), (0, 0)), constant_values=0)
        filled[:, :4] = filled[:, -4:] = image[1:5].min()
        assert table.X.iloc[0, 0] == pytest.approx(filled.mean(), rel=1e-4)
    elif resize == "pad":
        whole = np.full(size, image.min())
        whole[1:7, 2:14, 1:15] = image
        assert table.X.iloc[0, 0] == pytest.approx(whole.mean(), rel=1e-4)
    else:
        assert table.X.iloc[0, 0] == pytest.approx(image.mean(), rel=0.1)


@pytest.mark.slow
def test_picture_and_a_network_of_volumes(tmp_path: Path) -> None:
    model = volume_net(tmp_path / "v.onnx")
    _, failures = extract(tmp_path, cohorts.ultrasound(tmp_path, 1), config(model))
    assert "takes volumes" in failures[0].reason
    with pytest.raises(ModelError, match="'intensity' is for networks of pictures"):
        extract(tmp_path, cohorts.ultrasound(tmp_path, 1), config(model, intensity=GREY))


@pytest.mark.slow
def test_models_that_cannot_be_used_stop_before_the_work(tmp_path: Path) -> None:
    frame = cohorts.ultrasound(tmp_path, 1)
    with pytest.raises(ModelError, match="no such model file"):
        extract(tmp_path, frame, config(tmp_path / "absent.onnx"))
    bare = nets.extractor(tmp_path / "bare.onnx")
    with pytest.raises(ConfigError, match="does not state what must be known"):
        extract(tmp_path, frame, config(bare))
    table, _ = extract(tmp_path, frame, config(bare, card=nets.facts()))
    assert table.n_features == 5
    head = nets.facts(
        kind="classifier",
        outputs=[{"name": "logits", "role": "logits"}],
        classes=[{"name": "a"}, {"name": "b"}],
    )
    with pytest.raises(ModelError, match="gives no embedding"):
        extract(tmp_path, frame, config(nets.extractor(tmp_path / "h.onnx", classes=2, card=head)))


def test_settings_that_mean_nothing() -> None:
    good = {"model": "m.onnx", "name": "net", "region": "whole"}
    for changes, reason in (
        ({"name": "Net-1"}, "name"),
        ({"region": "middle"}, "region"),
        ({"margin": -1}, "margin"),
        ({"intensity": {"type": "window", "low": 0, "high": 1, "to_high": 255}}, "to_high"),
        ({"white": 255, "intensity": GREY}, "state one"),
        ({"modle": "x"}, "did you mean 'model'"),
    ):
        with pytest.raises(ConfigError, match=reason):
            ExtractionConfig.parse({"embedding": good | changes}, where="test")
    with pytest.raises(ConfigError, match="region"):
        ExtractionConfig.parse({"embedding": {"model": "m.onnx", "name": "net"}}, where="test")


def test_configuration_without_the_section_keeps_its_hash() -> None:
    plain = ExtractionConfig.parse({}, where="test")
    assert "embedding" not in plain.canonical()
    assert "embedding" not in plain.model_dump()


def test_model_is_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    nets.extractor(tmp_path / "net.onnx", card=nets.facts())
    text = "texture: false\nembedding: {model: net.onnx, name: net, region: whole}\n"
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    read = ExtractionConfig.read(tmp_path / "config.yaml")
    assert read.embedding is not None
    assert Path(read.embedding.model) == tmp_path / "net.onnx"
    table, _ = extract(tmp_path, cohorts.ultrasound(tmp_path, 1), read)
    assert list(table.X) == NET


def test_a_range_of_other_units_than_the_mean_is_one_doubt(tmp_path: Path, model: Path) -> None:
    odd = {"mean": [123.7, 116.3, 103.5], "sd": [58.4, 57.1, 57.4]}
    doubtful = nets.extractor(tmp_path / "odd.onnx", card=nets.facts(preprocessing=odd))
    frame = cohorts.ultrasound(tmp_path, 3)
    table, _ = extract(tmp_path, frame, config(doubtful))
    [doubt] = [d for d in doubts_of(table)["doubt"] if "value_range" in d]
    assert doubt.startswith("odd.onnx: value_range 0 to 1 does not fit mean 123.7 and sd 58.4")
    plain, _ = extract(tmp_path, frame, config(model), to="q")
    assert not doubts_of(plain)["doubt"].str.contains("value_range").any()


@pytest.mark.slow
def test_command_extract_with_a_configuration(tmp_path: Path, model: Path) -> None:
    from typer.testing import CliRunner

    from radiofib.cli.app import app

    frame = cohorts.ultrasound(tmp_path, 3)
    frame.to_csv(tmp_path / "cohort.csv", index=False)
    text = f"texture: false\nembedding: {{model: {model.name}, name: net, region: whole}}\n"
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "c2.png").write_bytes(b"no picture")
    out = tmp_path / "features.parquet"
    where = [str(tmp_path / name) for name in ("cohort.csv", "config.yaml")]
    done = CliRunner().invoke(
        app, ["extract", where[0], "--config", where[1], "--out", str(out), "--workers", "1"]
    )
    assert done.exit_code == 3, done.output
    table = FeatureTable.read(out)
    assert list(table.X) == NET
    assert table.obs["case"].tolist() == ["c0", "c1"]
    assert "c2" in (tmp_path / "features.failures.csv").read_text(encoding="utf-8")
