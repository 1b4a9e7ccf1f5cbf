"""Converted networks equal their source, say what they are, or are not written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from radiofib.deep.card import read_card
from radiofib.deep.convert import ConvertSettings, convert_model
from radiofib.deep.convert.graph import fold_batch_norm
from radiofib.deep.convert.parity import seeded_pictures
from radiofib.deep.convert.resnet import ResNetPlan
from radiofib.deep.convert.seeded import seeded_segformer
from radiofib.deep.convert.segformer import SegFormerPlan
from radiofib.deep.session import open_session
from radiofib.errors import ConfigError, ModelError, UsageError
from tests.deep import nets
from tests.deep.convert import claims, sources

torch = pytest.importorskip("torch")
SMALL = ConvertSettings(size=(64, 64), inputs=3)
TILES = ConvertSettings(size=(64, 64), mean=(0, 0, 0), sd=(1, 1, 1), inputs=3)
COLOURS = [
    {"name": "background", "colour": "#000000"},
    {"name": "lobule", "colour": "#56b4e9"},
    {"name": "tract", "colour": "#d55e00"},
]


@given(st.integers(0, 10_000))
def test_a_folded_norm_does_what_both_did(seed: int) -> None:
    rng = np.random.default_rng(seed)
    w, b, x = rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=(5, 3))
    g, s, m, v = *rng.normal(size=(3, 4)), rng.uniform(0.1, 3, 4)
    folded, shift = fold_batch_norm(w, b, (g, s, m, v), eps=1e-5)
    wanted = g * (x @ w.T + b - m) / np.sqrt(v + 1e-5) + s
    np.testing.assert_allclose(x @ folded.T + shift, wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "classes", "channels", "prefix"),
    [
        ("resnet10", 4, 1, "module."),
        ("resnet10", 0, 3, ""),
        pytest.param("resnet18", 4, 1, "", marks=pytest.mark.slow),
        pytest.param("resnet50", 2, 3, "backbone.", marks=pytest.mark.slow),
    ],
)
def test_residual_networks(
    tmp_path: Path, name: str, classes: int, channels: int, prefix: str
) -> None:
    plan = ResNetPlan(name, channels=channels, classes=classes)
    source = sources.resnet_file(tmp_path / "w.pt", plan, prefix=prefix)
    facts = sources.stated(classes)
    if channels == 3:
        facts["preprocessing"] |= {"mean": [0.4, 0.5, 0.6], "sd": [0.2, 0.2, 0.3]}
    out = tmp_path / "net.onnx"
    card = convert_model(name, source, out, stated=facts, settings=SMALL)
    assert card == read_card(out)
    assert card.kind == ("classifier" if classes else "extractor")
    assert card.parity is not None
    assert card.parity.inputs == 3
    assert 0 < card.parity.largest_relative < claims.RESNET_RELATIVE
    session = open_session(out)
    ports = {p.name: p.shape for p in session.outputs}
    width = 2048 if name == "resnet50" else 512
    assert ports["feature_map"] == (None, width, 2, 2)
    assert ports["embedding"] == (None, width)
    assert ("logits" in ports) == bool(classes)
    x = np.random.default_rng(1).normal(size=(5, channels, 64, 64)).astype(np.float32)
    found = session.run_bound({"image": x}, outputs=["embedding", "feature_map"]).values
    np.testing.assert_allclose(
        found["feature_map"].mean(axis=(2, 3)), found["embedding"], rtol=1e-5, atol=1e-6
    )
    one = session.run({"image": x[3:4]}, output="embedding")
    np.testing.assert_allclose(one[0], found["embedding"][3], rtol=1e-4, atol=1e-5)
    assert list(tmp_path.glob(".convert*")) == []


@pytest.mark.slow
@pytest.mark.parametrize(("shortcut", "dilated"), [("A", True), ("B", False), ("A", False)])
def test_volumes(tmp_path: Path, shortcut: Any, dilated: bool) -> None:
    plan = ResNetPlan("resnet10", axes=3, channels=1, shortcut=shortcut, dilated=dilated)
    source = sources.resnet_file(tmp_path / "w.pt", plan, side=32)
    settings = ConvertSettings(size=(32, 48, 64), dilated=dilated)
    facts = {"licence": "MIT", "preprocessing": sources.VOLUME}
    out = tmp_path / "v.onnx"
    card = convert_model("resnet10-3d", source, out, stated=facts, settings=settings)
    assert card.kind == "volume"
    assert card.parity is not None
    assert card.parity.largest_relative < claims.RESNET_RELATIVE
    ports = {p.name: p.shape for p in open_session(out).outputs}
    sides = (4, 6, 8) if dilated else (1, 2, 2)
    assert ports == {"embedding": (None, 512), "feature_map": (None, 512, *sides)}


def test_what_is_not_stated_is_asked_for(tmp_path: Path) -> None:
    plan = ResNetPlan("resnet10", channels=1, classes=2)
    source = sources.resnet_file(tmp_path / "w.pt", plan)
    out = tmp_path / "net.onnx"
    with pytest.raises(ConfigError) as caught:
        convert_model("resnet10", source, out, settings=SMALL)
    for fact in ("licence", "classes", "preprocessing.mean", "preprocessing.value_range"):
        assert fact in str(caught.value)
    with pytest.raises(ConfigError, match="2 classes"):
        convert_model("resnet10", source, out, stated=sources.stated(3), settings=SMALL)
    facts = sources.stated(2, kind="extractor")
    with pytest.raises(ConfigError, match="contradicts the network"):
        convert_model("resnet10", source, out, stated=facts, settings=SMALL)
    with pytest.raises(ModelError, match="missing: layer1"):
        convert_model("resnet18", source, out, stated=sources.stated(2), settings=SMALL)
    with pytest.raises(ModelError, match=r"conv1\.weight with a kernel of 3"):
        convert_model("resnet10-3d", source, out, stated=sources.stated(2), settings=SMALL)
    with pytest.raises(UsageError, match="resnet10"):
        convert_model("resnet01", source, out, stated=sources.stated(2), settings=SMALL)
    assert [p.name for p in tmp_path.iterdir()] == ["w.pt"]


def test_a_wrong_conversion_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = ResNetPlan("resnet10", channels=1, classes=2)
    source = sources.resnet_file(tmp_path / "w.pt", plan)
    from radiofib.deep.convert import resnet

    def other(weight: Any, bias: Any, norm: Any) -> Any:
        folded, shift = fold_batch_norm(weight, bias, norm)
        return folded * 1.01, shift

    monkeypatch.setattr(resnet, "fold_batch_norm", other)
    out = tmp_path / "net.onnx"
    out.write_bytes(b"what was there before")
    with pytest.raises(ModelError, match=r"relative difference of 0\.0001"):
        convert_model("resnet10", source, out, stated=sources.stated(2), settings=SMALL)
    assert out.read_bytes() == b"what was there before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.onnx", "w.pt"]


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_segformer_with_any_normalisation(tmp_path: Path, layout: Any) -> None:
    plan = SegFormerPlan("segformer-b0", classes=3)
    source = sources.save(seeded_segformer(plan, seed=4), tmp_path / "w.pt", "model.")
    settings = ConvertSettings(
        size=(64, 64),
        layout=layout,
        mean=(0.485, 0.456, 0.406),
        sd=(0.229, 0.224, 0.225),
        inputs=4,
    )
    facts = {"licence": "MIT", "classes": COLOURS}
    out = tmp_path / "s.onnx"
    card = convert_model("segformer-b0", source, out, stated=facts, settings=settings)
    assert card == read_card(out)
    assert card.parity is not None
    assert card.parity.largest_absolute < claims.SEGFORMER_ABSOLUTE
    assert card.parity.equal_labels >= claims.SEGFORMER_LABELS
    session = open_session(out)
    shape = (3, 64, 64, 3) if layout == "NHWC" else (3, 3, 64, 64)
    tiles = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    found = session.run_bound({"image": tiles}, outputs=["labels", "logits"]).values
    assert found["labels"].dtype == np.uint8
    assert found["labels"].shape == (3, 64, 64)
    assert found["logits"].shape == (3, 3, 16, 16)
    large = torch.nn.functional.interpolate(
        torch.from_numpy(found["logits"]), scale_factor=4, mode="bilinear", align_corners=False
    )
    assert (large.argmax(dim=1).numpy() == found["labels"]).mean() > 0.9999


def test_segformer_asks_for_its_normalisation_and_its_own_size(tmp_path: Path) -> None:
    plan = SegFormerPlan("segformer-b0", classes=3)
    source = sources.save(seeded_segformer(plan), tmp_path / "w.pt")
    facts = {"licence": "MIT", "classes": COLOURS}
    out = tmp_path / "s.onnx"
    with pytest.raises(UsageError, match="normalised"):
        convert_model("segformer-b0", source, out, stated=facts, settings=SMALL)
    with pytest.raises(ModelError, match="weights of segformer-b0, not of segformer-b2"):
        convert_model("segformer-b2", source, out, stated=facts, settings=TILES)
    odd = ConvertSettings(size=(72, 72), mean=(0, 0, 0), sd=(1, 1, 1))
    with pytest.raises(ConfigError, match="multiple of 32"):
        convert_model("segformer-b0", source, out, stated=facts, settings=odd)
    assert not out.exists()


@pytest.mark.parametrize("way", ["script of weights", "other names"])
def test_a_program_shaped_like_hotspot(tmp_path: Path, way: str) -> None:
    net = sources.segformer_net()

    class Other(torch.nn.Module):
        """The same network under names of its own, with logits of the tile's size."""

        def __init__(self) -> None:
            super().__init__()
            self.trunk = torch.nn.ModuleDict({"stages": net.segformer, "head": net.decode_head})

        def forward(self, x: Any) -> Any:
            logits = net._head(self._levels(x))
            return torch.nn.functional.interpolate(
                logits, size=(64, 64), mode="bilinear", align_corners=False
            )

        def _levels(self, x: Any) -> Any:
            kept: list[Any] = []
            own = net._head
            net._head = lambda levels: kept.extend(levels) or levels[0]
            net(x)
            net._head = own
            return kept

    module = net if way == "script of weights" else Other()
    example = torch.rand(1, 3, 64, 64)
    traced = torch.jit.trace(module, example)
    path = tmp_path / "hotspot.pt"
    traced.save(str(path))
    out = tmp_path / "h.onnx"
    settings = ConvertSettings(size=(64, 64), inputs=3, trust_torchscript=True)
    with pytest.raises(UsageError, match="runs code"):
        convert_model("hotspot", path, out, settings=ConvertSettings(size=(64, 64)))
    card = convert_model("hotspot", path, out, settings=settings)
    assert card.architecture == (
        "segformer-b0" if way == "script of weights" else "segformer-b0 (as scripted)"
    )
    assert [c.name for c in card.classes] == ["background", "lobule", "portal tract"]
    assert card.preprocessing.um_per_px == 1.0
    assert "Scientific Research" in card.licence
    assert card.parity is not None
    assert card.parity.against.startswith("TorchScript")
    assert card.parity.largest_absolute < claims.SEGFORMER_ABSOLUTE
    assert card.parity.equal_labels >= claims.SEGFORMER_LABELS
    tiles = seeded_pictures(5, (64, 64, 3), seed=9)
    labels = open_session(out).run({"image": tiles}, output="labels")
    with torch.no_grad():
        logits = module(torch.from_numpy(tiles).permute(0, 3, 1, 2).float() / 255)
        large = torch.nn.functional.interpolate(
            logits, size=(64, 64), mode="bilinear", align_corners=False
        )
    assert (labels == large.argmax(dim=1).numpy()).mean() > 0.9999
    assert np.bincount(labels.ravel(), minlength=3).max() < 0.95 * labels.size


#: What a card says of a small network of grey pictures.
SMALL_FACTS: dict[str, Any] = {
    "kind": "extractor",
    "architecture": "small",
    "licence": "CC0-1.0",
    "preprocessing": sources.GREY
    | {"colour": "grey", "size": [24, 24], "layout": "NCHW", "dtype": "float32"},
    "outputs": [{"name": "features", "role": "embedding"}],
}


def test_any_program_and_any_onnx_file(tmp_path: Path) -> None:
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 3, padding=1), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
    ).eval()  # fmt: skip
    path = tmp_path / "net.pt"
    torch.jit.script(net).save(str(path))
    facts, how = SMALL_FACTS, SMALL_FACTS["preprocessing"]
    trusted = ConvertSettings(trust_torchscript=True)
    out = tmp_path / "a.onnx"
    card = convert_model("generic", path, out, stated=facts, settings=trusted)
    assert card.parity is not None
    assert card.parity.largest_relative < claims.RESNET_RELATIVE
    again = tmp_path / "b.onnx"
    kept = convert_model("generic", out, again)  # the file states all of it
    assert kept == card
    assert convert_model("generic", out, again, stated={"licence": "MIT"}).licence == "MIT"
    x = np.random.default_rng(0).normal(size=(3, 1, 24, 24)).astype(np.float32)
    one, two = (open_session(p).run({"image": x}, output="features") for p in (out, again))
    assert one.tobytes() == two.tobytes()
    with pytest.raises(ConfigError, match=r"preprocessing\.size"):
        convert_model("generic", path, out, stated={"licence": "MIT"}, settings=trusted)
    weights = tmp_path / "w.pt"
    torch.save(net.state_dict(), str(weights))
    with pytest.raises(UsageError, match="weights alone"):
        convert_model("generic", weights, out, stated=facts)
    with pytest.raises(UsageError, match="converted already"):
        convert_model("resnet18", out, again, stated=facts)
    onnx = pytest.importorskip("onnx")
    bare = onnx.load(str(out))
    del bare.metadata_props[:]
    onnx.save(bare, str(tmp_path / "bare.onnx"))
    named = convert_model("generic", tmp_path / "bare.onnx", again, stated=facts)
    assert (named.source.name, named.parity) == ("bare.onnx", None)
    bad = facts | {"preprocessing": how | {"colour": "rgb", "mean": [0] * 3, "sd": [1] * 3}}
    with pytest.raises(ModelError, match="fails on its own input"):
        convert_model("generic", path, out, stated=bad, settings=trusted)


def test_dropout_that_was_left_on_is_named(tmp_path: Path) -> None:
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 3, padding=1), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
        torch.nn.Dropout(0.5),
    )  # fmt: skip
    path = tmp_path / "net.ts"
    # A program that is traced keeps its dropout, whatever is called on it afterwards.
    torch.jit.trace(net, torch.zeros(2, 1, 24, 24), check_trace=False).save(str(path))
    settings = ConvertSettings(trust_torchscript=True)
    with pytest.raises(ModelError, match=r"other values for the same input.*eval\(\)") as left:
        convert_model("generic", path, tmp_path / "a.onnx", stated=SMALL_FACTS, settings=settings)
    assert "architecture" not in str(left.value)
    assert not (tmp_path / "a.onnx").exists()


def test_pictures_of_the_user_are_compared_on(tmp_path: Path) -> None:
    import PIL.Image

    plan = ResNetPlan("resnet10", channels=1)
    source = sources.resnet_file(tmp_path / "w.pt", plan)
    paths = []
    for k in range(2):
        paths.append(tmp_path / f"{k}.png")
        pixels = np.random.default_rng(k).integers(0, 256, (50, 70)).astype(np.uint8)
        PIL.Image.fromarray(pixels).save(paths[-1])
    settings = ConvertSettings(size=(64, 64), images=tuple(paths))
    card = convert_model(
        "resnet10", source, tmp_path / "n.onnx", stated=sources.stated(), settings=settings
    )
    assert card.parity is not None
    assert card.parity.inputs == 2


@pytest.mark.slow
def test_resnet34_and_segformer_b0_at_full_size(tmp_path: Path) -> None:
    plan = ResNetPlan("resnet34", classes=5)
    source = sources.resnet_file(tmp_path / "r.pt", plan, side=224)
    facts = sources.stated(5)
    facts["preprocessing"] |= {"mean": [0.485, 0.456, 0.406], "sd": [0.229, 0.224, 0.225]}
    out = tmp_path / "r.onnx"
    card = convert_model("resnet34", source, out, stated=facts)
    assert card.parity is not None
    assert card.parity.largest_relative <= claims.RESNET_RELATIVE
    ports = {p.name: p.shape for p in open_session(out).outputs}
    assert ports == {
        "logits": (None, 5), "embedding": (None, 512), "feature_map": (None, 512, 7, 7),
    }  # fmt: skip
    tiles = SegFormerPlan("segformer-b0", classes=3)
    source = sources.save(seeded_segformer(tiles, sources.tiles(2, 256), seed=4), tmp_path / "s.pt")
    card = convert_model("hotspot", source, tmp_path / "s.onnx")
    assert card.parity is not None
    assert card.parity.largest_absolute <= claims.SEGFORMER_ABSOLUTE
    assert card.parity.equal_labels >= claims.SEGFORMER_LABELS


def test_an_onnx_model_that_gives_no_numbers_is_refused(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["p"]),
        helper.make_node("Sub", ["p", "two"], ["below"]),
        helper.make_node("Log", ["below"], ["l"]),
        helper.make_node("Flatten", ["l"], ["embedding"]),
    ]
    facts = nets.facts(
        preprocessing={"mean": [0, 0, 0], "sd": [1, 1, 1]},
        outputs=[{"name": "embedding", "role": "embedding"}],
    )
    model = nets.save(
        tmp_path / "log.onnx", nodes, {"two": np.full((1, 3, 1, 1), 2.0)},
        image=("N", 3, 8, 8), outputs=[("embedding", ("N", 3))],
    )  # fmt: skip
    out = tmp_path / "new.onnx"
    with pytest.raises(ModelError, match=r"log.onnx: the model gives values that are not finite"):
        convert_model("generic", model, out, stated=facts)
    assert not out.exists()
    good = nets.extractor(tmp_path / "good.onnx", batch=2)
    assert convert_model("generic", good, out, stated=nets.facts()).parity is None
    assert out.exists()


def test_messages_name_the_file_that_was_given(tmp_path: Path) -> None:
    model = nets.extractor(tmp_path / "mine.onnx")
    odd = {"name": "absent", "role": "embedding"}
    cases = [nets.facts(outputs=[odd]), nets.facts(preprocessing={"dtype": "float16"})]
    for facts in cases:
        with pytest.raises(ModelError, match=r"^mine\.onnx: the card is not that") as caught:
            convert_model("generic", model, tmp_path / "new.onnx", stated=facts)
        assert "plain" not in str(caught.value)
    too_new = onnx.load(str(model))
    too_new.ir_version = 99
    onnx.save(too_new, str(model))
    with pytest.raises(ModelError, match=r"^mine\.onnx: ") as caught:
        convert_model("generic", model, tmp_path / "new.onnx", stated=nets.facts())
    assert "plain" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("architecture", ["resnet10", "resnet10-3d"])
def test_classes_of_a_network_without_a_head_are_refused(tmp_path: Path, architecture: str) -> None:
    axes = 3 if architecture.endswith("3d") else 2
    plan = ResNetPlan("resnet10", channels=1, classes=0, axes=axes)
    source = sources.resnet_file(tmp_path / "w.pt", plan, side=32)
    with pytest.raises(ConfigError, match=r"no layer that tells classes.*leave the classes out"):
        convert_model(
            architecture, source, tmp_path / "n.onnx", stated=sources.stated(2),
            settings=ConvertSettings(size=(32,) * axes, inputs=2),
        )  # fmt: skip
