"""A network over many pictures: order, bad ones, batches, memory, bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnx", reason="needs the package 'onnx'")

from onnx import helper

from radiofib.deep.network import (
    Found,
    Network,
    RunSettings,
    Timing,
    open_network,
    run_many,
    run_pictures,
)
from radiofib.deep.session import OutOfMemoryError
from radiofib.errors import ConfigError, ImageError, ModelError, UsageError
from tests.deep import nets


def pictures(folder: Path, count: int = 11, size: tuple[int, int] = (20, 24)) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (*size, 3)).astype(np.uint8)
        paths.append(folder / f"p{number:02d}.png")
        PIL.Image.fromarray(pixels).save(paths[-1])
    return paths


def network(tmp_path: Path, **graph: Any) -> Network:
    return open_network(nets.extractor(tmp_path / "net.onnx", card=nets.facts(), **graph))


def embeddings(found: list[Found[Any]]) -> list[bytes | None]:
    return [None if f.outputs is None else f.outputs["embedding"].tobytes() for f in found]


def run(net: Network, paths: list[Path], **settings: Any) -> list[Found[Any]]:
    return list(run_pictures(net, paths, ["embedding"], settings=RunSettings(**settings)))


def test_same_bytes_whatever_threads_and_batch(tmp_path: Path) -> None:
    net = network(tmp_path)
    paths = pictures(tmp_path / "img")
    first = embeddings(run(net, paths, batch=1, threads=1))
    assert len({*first}) == len(paths)
    for settings in ({"batch": 1, "threads": 3}, {"batch": 4}, {"batch": 16, "threads": 4}, {}):
        assert embeddings(run(net, paths, **settings)) == first


def test_feature_map_averages_to_the_embedding(tmp_path: Path) -> None:
    net = network(tmp_path)
    [found] = run_pictures(net, pictures(tmp_path / "img", 1), ["embedding", "feature_map"])
    assert found.outputs is not None
    np.testing.assert_allclose(
        found.outputs["feature_map"].mean(axis=(1, 2)), found.outputs["embedding"], atol=1e-6
    )


def test_one_bad_image_never_stops_the_others(tmp_path: Path) -> None:
    net = network(tmp_path)
    paths = pictures(tmp_path / "img")
    good = embeddings(run(net, paths))
    paths[3].write_bytes(b"no picture")
    paths[7] = tmp_path / "absent.png"
    for settings in ({"batch": 1, "threads": 1}, {"batch": 4, "threads": 3}):
        found = run(net, paths, **settings)
        assert [f.item for f in found] == paths
        assert isinstance(found[3].error, ImageError)
        assert "absent.png" in str(found[7].error)
        wanted = [None if i in (3, 7) else b for i, b in enumerate(good)]
        assert embeddings(found) == wanted


def test_output_that_is_not_finite_is_named_by_its_image(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["p"]),
        helper.make_node("Log", ["p"], ["l"]),
        helper.make_node("Flatten", ["l"], ["embedding"]),
    ]
    how = {"mean": [0, 0, 0], "sd": [1, 1, 1]}
    facts = nets.facts(preprocessing=how, outputs=[{"name": "embedding", "role": "embedding"}])
    path = nets.save(
        tmp_path / "log.onnx",
        nodes,
        {},
        image=("N", 3, 8, 8),
        outputs=[("embedding", ("N", 3))],
        card=facts,
    )
    paths = pictures(tmp_path / "img", 5)
    PIL.Image.new("RGB", (20, 20)).save(paths[2])  # log of 0
    found = run(open_network(path), paths, batch=5)
    assert [f.error is None for f in found] == [True, True, False, True, True]
    assert "p02.png: the network's embedding is not finite (found 3 of 3 values)" in str(
        found[2].error
    )


def test_fixed_batch_is_filled_up_and_said(tmp_path: Path) -> None:
    paths = pictures(tmp_path / "img")
    wanted = embeddings(run(network(tmp_path), paths))
    for size, text in ((1, "one image at once"), (4, "4 images at once")):
        timing = Timing()
        net = network(tmp_path, batch=size)
        found = list(
            run_pictures(net, paths, ["embedding"], settings=RunSettings(batch=9), timing=timing)
        )
        assert embeddings(found) == wanted
        assert timing.notes == [f"the graph's batch is fixed: {text}"]
        assert timing.batch == size


class Small:
    """A session whose device takes no more than some images at once."""

    def __init__(self, session: Any, most: int, bad: float | None = None) -> None:
        self._session, self._most, self._bad = session, most, bad
        self.sizes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run_bound(self, arrays: Any, *, outputs: Any) -> Any:
        [array] = arrays.values()
        self.sizes.append(len(array))
        if len(array) > self._most:
            raise OutOfMemoryError("the device has not enough memory for this input", where="net")
        if self._bad is not None and (array == self._bad).any():
            raise ModelError("the model fails on this input", where="net", found="reason")
        return self._session.run_bound(arrays, outputs=outputs)


def test_out_of_memory_halves_the_batch_and_goes_on(tmp_path: Path) -> None:
    net = network(tmp_path)
    paths = pictures(tmp_path / "img")
    wanted = embeddings(run(net, paths))
    session = Small(net.session, most=3)
    timing = Timing()
    found = list(
        run_pictures(
            Network(session, net.card),  # type: ignore[arg-type]
            paths,
            ["embedding"],
            settings=RunSettings(batch=8),
            timing=timing,
        )
    )
    assert embeddings(found) == wanted
    assert timing.batch == 2
    assert session.sizes[:4] == [8, 4, 2, 2]
    assert max(session.sizes[3:]) <= 3
    assert "out of memory: 2 images at once from then on" in timing.notes


def test_no_memory_for_a_single_image_is_its_error(tmp_path: Path) -> None:
    net = network(tmp_path)
    session = Small(net.session, most=0)
    found = list(
        run_pictures(
            Network(session, net.card),  # type: ignore[arg-type]
            pictures(tmp_path / "img", 3),
            ["embedding"],
        )
    )
    assert all(isinstance(f.error, OutOfMemoryError) for f in found)
    assert "p02.png" in str(found[2].error)


def test_batch_that_fails_is_run_one_by_one(tmp_path: Path) -> None:
    net = network(tmp_path)
    items = [np.full((3, 8, 8), v, np.float32) for v in (0.1, 0.2, 0.3, 0.4)]
    session = Small(net.session, most=9, bad=np.float32(0.3))
    found = list(
        run_many(
            Network(session, net.card),  # type: ignore[arg-type]
            range(4),
            ["embedding"],
            prepare=items.__getitem__,
            name="item {}".format,
            settings=RunSettings(batch=4),
        )
    )
    assert [f.error is None for f in found] == [True, True, False, True]
    assert "net on item 2" in str(found[2].error) or "net.onnx on item 2" in str(found[2].error)


def test_input_that_was_prepared_otherwise_is_an_error_of_its_item(tmp_path: Path) -> None:
    net = network(tmp_path)
    items = [np.full((3, 8, 8), v, np.float32) for v in (0.1, 128, np.nan)]
    found = list(
        run_many(net, range(3), ["embedding"], prepare=items.__getitem__, name="item {}".format)
    )
    assert found[0].error is None
    assert "item 1: values of the input are not those its card describes" in str(found[1].error)
    assert "item 2: the input has values that are not numbers" in str(found[2].error)


def test_items_of_other_shapes_go_in_other_batches(tmp_path: Path) -> None:
    loose = nets.facts(preprocessing={"size": None, "resize": "none"})
    net = open_network(nets.extractor(tmp_path / "net.onnx", size="s", card=loose))
    paths = pictures(tmp_path / "a", 3, (9, 9)) + pictures(tmp_path / "b", 3, (12, 12))
    mixed = [paths[i] for i in (0, 3, 1, 4, 5, 2)]
    found = run(net, mixed, batch=4)
    assert [f.item for f in found] == mixed
    alone = dict(zip(paths, embeddings(run(net, paths, batch=1)), strict=True))
    assert embeddings(found) == [alone[p] for p in mixed]


def test_batch_found_grows_within_the_bound(tmp_path: Path) -> None:
    net = network(tmp_path)
    paths = pictures(tmp_path / "img", 16)
    timing = Timing()
    list(
        run_pictures(
            net, paths, ["embedding"], settings=RunSettings(memory_mb=2000, most=4), timing=timing
        )
    )
    assert timing.batch == 4
    assert timing.images == 16
    assert timing.compute_s > 0
    assert timing.decode_s > 0
    assert sum(timing.shares().values()) == pytest.approx(1)
    assert timing.rate == pytest.approx(16 / timing.wall_s)


def test_role_that_the_card_has_not(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no output 'logits'.*embedding, feature_map"):
        run_pictures(network(tmp_path), [], ["logits"])


def test_settings_must_be_positive() -> None:
    with pytest.raises(UsageError, match=r"memory_mb must be positive \(found -1\)"):
        RunSettings(memory_mb=-1)


def test_model_without_card_and_card_of_another_graph(tmp_path: Path) -> None:
    path = nets.extractor(tmp_path / "net.onnx")
    with pytest.raises(ConfigError, match="does not state what must be known"):
        open_network(path)
    with pytest.raises(ModelError, match="operator set differs"):
        open_network(path, stated=nets.facts(opset=13))
    assert open_network(path, stated=nets.facts()).card.architecture == "conv"
