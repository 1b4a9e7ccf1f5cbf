"""Opening and running ONNX models."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from radiofib.deep import open_session
from radiofib.errors import ModelError

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnx", reason="needs the package 'onnx'")

from tests.deep import models

IMAGE = np.linspace(0, 1, 24, dtype=np.float32).reshape(1, 1, 2, 3, 4)


def test_ports_metadata_and_result(tmp_path: Path) -> None:
    path = models.threshold(tmp_path / "m.onnx", 0.25, facts={"axes": "zyx"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session = open_session(path)
    assert session.inputs[0].shape == (1, 1, None, None, None)
    assert session.metadata == {"radiofib": '{"axes": "zyx"}'}
    assert session.providers == ("CPUExecutionProvider",)
    assert session.notes == ()
    assert len(session.source_hash) == 64
    found = session.run({"image": IMAGE}, output="score")
    np.testing.assert_array_equal(found, IMAGE - np.float32(0.25))


def test_same_input_same_bytes_with_one_thread_and_two(tmp_path: Path) -> None:
    path = models.mean_filter(tmp_path / "m.onnx")
    image = np.random.default_rng(0).normal(size=(1, 1, 9, 9, 9)).astype(np.float32)
    runs = [
        open_session(path, threads=n).run({"image": image}, output="score").tobytes()
        for n in (1, 1, 2)
    ]
    assert runs[0] == runs[1] == runs[2]


def test_provider_not_in_use_is_a_warning_with_its_cause(tmp_path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    path = models.threshold(tmp_path / "m.onnx")
    with pytest.warns(RuntimeWarning, match=r"CUDAExecutionProvider was asked for.*built without"):
        session = open_session(path, providers=["CUDAExecutionProvider", "CPUExecutionProvider"])
    assert "radiofib[gpu]" in session.notes[0]
    assert session.providers == ("CPUExecutionProvider",)


@pytest.mark.parametrize(
    ("device", "cause"), [(True, "could not start it on this machine"), (False, "no NVIDIA device")]
)
def test_provider_that_cannot_start_is_named_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: bool, cause: str
) -> None:
    import onnxruntime

    monkeypatch.setattr("radiofib.deep.providers._nvidia_device", lambda: device)
    real = onnxruntime.get_available_providers()
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", *real]
    )
    opened = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda path, options, providers: opened(path, options, providers=providers[1:] or real),
    )
    path = models.threshold(tmp_path / "m.onnx")
    with pytest.warns(RuntimeWarning, match=cause):
        open_session(path, providers=["CUDAExecutionProvider"])


def test_misspelt_provider_names_the_nearest(tmp_path: Path) -> None:
    path = models.threshold(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="did you mean 'CUDAExecutionProvider'"):
        open_session(path, providers=["CudaExecutionProvider"])


@pytest.mark.parametrize(
    "image",
    [IMAGE[0], np.zeros((2, 1, 2, 3, 4), np.float32), np.zeros((1, 2, 2, 3, 4), np.float32)],
)
def test_shape_that_does_not_fit(tmp_path: Path, image: np.ndarray) -> None:
    session = open_session(models.threshold(tmp_path / "m.onnx"))
    with pytest.raises(ModelError, match=r"expected 'image' 1 x 1 x \? x \? x \?"):
        session.run({"image": image}, output="score")


def test_type_and_names_that_do_not_fit(tmp_path: Path) -> None:
    session = open_session(models.threshold(tmp_path / "m.onnx"))
    with pytest.raises(ModelError, match="another type"):
        session.run({"image": IMAGE.astype(np.int32)}, output="score")
    with pytest.raises(ModelError, match="inputs are others"):
        session.run({"scan": IMAGE}, output="score")
    with pytest.raises(ModelError, match="did you mean 'score'"):
        session.run({"image": IMAGE}, output="scores")


def test_output_that_is_not_finite(tmp_path: Path) -> None:
    session = open_session(models.threshold(tmp_path / "m.onnx"))
    bad = IMAGE.copy()
    bad[0, 0, 0, 0, 0] = np.nan
    with pytest.raises(ModelError, match=r"not finite \(found 1 of 24\)"):
        session.run({"image": bad}, output="score")


def test_file_that_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "liver.onnx"
    with pytest.raises(ModelError, match="no such model file"):
        open_session(path)
    path.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="not an ONNX model, or damaged"):
        open_session(path)
