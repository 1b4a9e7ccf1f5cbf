"""Maps of linear heads are exact, heuristics say so, and pictures show what was found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from radiofib.deep.cam import (
    ActivationMap,
    LinearHead,
    head_of_stager,
    linear_map,
    map_dependence,
    shap_map,
    shuffled_heads,
)
from radiofib.deep.cam_network import network_head, randomised_copy
from radiofib.deep.cam_overlay import cam_overlay_png, caption, render_cam, zero_caption
from radiofib.deep.cam_places import peak, upsampled
from radiofib.deep.card import read_card
from radiofib.deep.session import open_session
from radiofib.errors import ModelError, UsageError
from radiofib.staging import ChainStager, LogisticStager, RandomForestStager
from radiofib.staging.reduce import PrincipalComponents
from tests.deep import nets

STAGES = ("F0", "F2", "F4")


def _embeddings(n: int = 60, features: int = 12) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return embeddings, the feature maps they are the means of, and stages."""
    rng = np.random.default_rng(3)
    maps = np.maximum(
        rng.normal(size=(n, features, 7, 5)) + rng.normal(size=features)[:, None, None], 0
    )
    level = rng.integers(0, 3, n)
    maps[:, 0] += level[:, None, None]
    names = [f"us_net_embedding_{k:03d}" for k in range(features)]
    return pd.DataFrame(maps.mean(axis=(2, 3)), columns=names), maps, np.array(STAGES)[level]


@given(st.integers(0, 10_000), st.booleans())
def test_mean_of_the_map_and_intercept_are_the_logit(seed: int, volume: bool) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(6, 3, 4, 5)[: 4 if volume else 3]) * 10
    head = LinearHead(rng.normal(size=(3, 6)), rng.normal(size=3), STAGES)
    embedding = features.reshape(6, -1).mean(axis=1)
    for k, stage in enumerate(STAGES):
        found = linear_map(features, head, stage)
        assert found.values.shape == features.shape[1:]
        assert found.score == pytest.approx(head.logits(embedding)[k], abs=1e-9)
        assert found.values.mean() + found.offset == pytest.approx(found.score, abs=1e-9)
        assert found.kind == "exact"


@pytest.mark.parametrize("steps", [[], [PrincipalComponents(4)]])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_fitted_stager_is_folded_back_to_the_feature_map(steps: list, classes: int) -> None:
    X, maps, y = _embeddings()
    y = np.where(y == "F0", "F0", "F4") if classes == 2 else y
    inner = LogisticStager(C=1.0)
    stager = (ChainStager(inner, steps) if steps else inner).fit(X, y)
    head = head_of_stager(stager)
    p = stager.predict_proba(X)
    assert head.classes == tuple(stager.classes_)
    for row in range(0, len(X), 7):
        scores = []
        for k, stage in enumerate(head.classes):
            found = linear_map(maps[row], head, stage)
            assert found.values.mean() + found.offset == pytest.approx(found.score, abs=1e-9)
            if classes == 2:
                odds = np.log(p[row, k]) - np.log(p[row, 1 - k])
                assert found.score == pytest.approx(odds, abs=1e-8)
            scores.append(found.score)
        if classes == 3:
            soft = np.exp(scores - np.logaddexp.reduce(scores))
            np.testing.assert_allclose(soft, p[row], atol=1e-10)


@pytest.mark.parametrize("steps", [[], [PrincipalComponents(4)]])
def test_the_average_training_picture_is_0_and_its_score_the_offset(steps: list) -> None:
    X, maps, y = _embeddings()
    y = np.where(y == "F0", "F0", "F4")
    stager = (ChainStager(LogisticStager(), steps) if steps else LogisticStager()).fit(X, y)
    head = head_of_stager(stager)
    average = maps.mean(axis=0)
    average += (X.to_numpy().mean(axis=0) - average.mean(axis=(1, 2)))[:, None, None]
    for stage in head.classes:
        found = linear_map(average, head, stage)
        assert found.centred
        assert abs(found.values.mean()) < 1e-9
        assert found.score == pytest.approx(found.offset, abs=1e-9)
        # A map is above 0 on average just where its picture is nearer to the stage than that.
        every = [linear_map(one, head, stage) for one in maps]
        assert abs(np.mean([m.values.mean() for m in every])) < 1e-9
        assert len({m.offset for m in every}) == 1


def test_a_head_without_a_mean_says_so() -> None:
    head = LinearHead(np.ones((1, 2)), np.array([3.0]), ("F4",))
    features = np.full((2, 2, 2), 2.0)
    bare = linear_map(features, head, "F4")
    assert not bare.centred
    assert "the sign alone says nothing" in zero_caption(bare)
    centred = linear_map(features, head.about([2.0, 1.0]), "F4")
    assert zero_caption(centred) == "0: the average training picture"
    assert (centred.score, centred.offset) == (bare.score, 6.0)
    np.testing.assert_array_equal(centred.values, bare.values - 3)
    assert head.about([2.0, 1.0]).behind([0, 0], [1, 1]).centre is None
    with pytest.raises(UsageError, match="the centre is no embedding"):
        head.about([1.0])


def test_other_stagers_have_no_exact_map() -> None:
    X, _, y = _embeddings()
    with pytest.raises(ModelError, match="RandomForestStager"):
        head_of_stager(RandomForestStager(5).fit(X, y))
    flagged = X.assign(scanner=np.where(np.arange(len(X)) % 2, "a", "b"))
    stager = LogisticStager(scanner_column="scanner").fit(flagged, y)
    with pytest.raises(ModelError, match="scanner flags"):
        head_of_stager(stager)


def test_shap_values_are_dealt_out_whole() -> None:
    _, maps, _ = _embeddings()
    rng = np.random.default_rng(0)
    phi = rng.normal(size=maps.shape[1])
    features = maps[0].copy()
    features[4] = 0
    found = shap_map(features, phi, base=0.1, label="F4")
    assert found.kind == "heuristic"
    somewhere = features.max(axis=(1, 2)) > 0
    assert not somewhere[4]
    assert found.values.mean() == pytest.approx(phi[somewhere].sum())
    assert found.score == pytest.approx(0.1 + phi.sum())
    with pytest.raises(UsageError, match="below 0"):
        shap_map(features - 1, phi, base=0, label="F4")
    with pytest.raises(UsageError, match="one finite SHAP value"):
        shap_map(features, phi[:3], base=0, label="F4")


def test_shap_values_of_a_forest_make_a_map() -> None:
    shap = pytest.importorskip("shap")
    X, maps, y = _embeddings()
    forest = RandomForestStager(20).fit(X, y)
    explained = shap.TreeExplainer(forest.forest_)(X.to_numpy()[:1])
    k = list(forest.classes_).index("F4")
    base = float(np.ravel(explained.base_values[0])[k])
    found = shap_map(maps[0], explained.values[0][:, k], base=base, label="F4")
    assert found.score == pytest.approx(forest.predict_proba(X.iloc[:1])[0, k], abs=1e-6)


def test_dependence_tells_shuffled_weights_from_kept_ones() -> None:
    _, maps, _ = _embeddings()
    rng = np.random.default_rng(1)
    head = LinearHead(rng.normal(size=(1, maps.shape[1])), np.zeros(1), ("F4",))
    own = linear_map(maps[0], head, "F4").values
    others = shuffled_heads(head, 40, seed=2)
    found = map_dependence(own, [linear_map(maps[0], h, "F4").values for h in others])
    assert found.shape == (40,)
    assert abs(found.mean()) < 0.3
    assert map_dependence(own, [own * 2 + 1])[0] == pytest.approx(1)
    assert np.isnan(map_dependence(own, [np.ones_like(own)])[0])
    # A map that is the same whatever the weights: only its size is in them.
    flat = np.broadcast_to(maps[0][:1], maps[0].shape)
    same = LinearHead(np.abs(head.weights), np.zeros(1), ("F4",))
    made = [linear_map(flat, h, "F4").values for h in shuffled_heads(same, 5)]
    assert map_dependence(linear_map(flat, same, "F4").values, made) == pytest.approx(1)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_enlarged_maps_keep_their_range_and_middle(rows: int, columns: int, factor: int) -> None:
    values = np.random.default_rng(rows * 10 + columns).normal(size=(rows, columns))
    found = upsampled(values, (rows * factor, columns * factor))
    assert found.min() >= values.min() - 1e-12
    assert found.max() <= values.max() + 1e-12
    if factor == 1:
        np.testing.assert_allclose(found, values)


@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(2, 9), st.integers(2, 6))
def test_peak_is_the_middle_of_one_spot(seed: int, rows: int, columns: int, factor: int) -> None:
    rng = np.random.default_rng(seed)
    values = -rng.uniform(0, 1, (rows, columns))
    shape = rows * factor, columns * factor
    cell = np.unravel_index(values.argmax(), values.shape)
    middle = tuple(int((k + 0.5) * factor) for k in cell)
    assert peak(values, shape) == middle  # nothing above 0
    # A rectangle above half of the largest value, wherever in it that is; another one far off.
    top, left = rng.integers(0, rows), rng.integers(0, columns)
    high, wide = rng.integers(1, rows - top + 1), rng.integers(1, columns - left + 1)
    values[top : top + high, left : left + wide] = 2
    weaker = values.copy()
    weaker[values < 0] = rng.uniform(0, 0.99)
    wanted = int((top + high / 2) * factor), int((left + wide / 2) * factor)
    for made in (values, weaker, 3 * weaker):
        found = peak(made, shape)
        assert np.abs(np.subtract(found, wanted)).max() <= 1  # rounding of a half
    far = np.zeros((9, 9))
    far[1, 1], far[1, 2], far[7, 7] = 2.0, 1.0, 1.9
    assert peak(far, (90, 90)) == (15, 18)


def _classifier(path: Path) -> Path:
    """Write a network with a linear head on its embedding, and its card."""
    outputs = [{"name": n, "role": n} for n in ("logits", "embedding", "feature_map")]
    card = nets.facts(kind="classifier", classes=[{"name": s} for s in STAGES], outputs=outputs)
    return nets.extractor(path, classes=3, card=card)


def test_the_head_of_a_network_is_read_from_its_file(tmp_path: Path) -> None:
    path = _classifier(tmp_path / "net.onnx")
    card = read_card(path)
    head = network_head(path, card)
    x = np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype(np.float32)
    names = [o.name for o in card.outputs]
    values = open_session(path).run_bound({"image": x}, outputs=names).values
    logits = values[card.output("logits").name]
    maps = values[card.output("feature_map").name]
    for row in range(4):
        for k, stage in enumerate(head.classes):
            found = linear_map(maps[row], head, stage)
            assert found.score == pytest.approx(logits[row, k], abs=1e-5)
    plain = read_card(nets.extractor(tmp_path / "plain.onnx", card=nets.facts()))
    with pytest.raises(ModelError, match="between two outputs"):
        network_head(tmp_path / "plain.onnx", plain)


def test_a_head_behind_something_else_is_refused(tmp_path: Path) -> None:
    path = _classifier(tmp_path / "net.onnx")
    card = read_card(path)
    model = onnx.load(str(path))
    [last] = [n for n in model.graph.node if n.output[0] == card.output("logits").name]
    last.output[0] = "before"
    model.graph.node.append(helper.make_node("Tanh", ["before"], [card.output("logits").name]))
    onnx.save(model, str(path))
    with pytest.raises(ModelError, match="no exact map"):
        network_head(path, card)


def test_a_randomised_copy_keeps_every_weight_once(tmp_path: Path) -> None:
    path = _classifier(tmp_path / "net.onnx")
    copy = randomised_copy(path, tmp_path / "copy.onnx", seed=1)
    before = {t.name: numpy_helper.to_array(t) for t in onnx.load(str(path)).graph.initializer}
    after = {t.name: numpy_helper.to_array(t) for t in onnx.load(str(copy)).graph.initializer}
    moved = 0
    for name, array in before.items():
        np.testing.assert_array_equal(np.sort(array.ravel()), np.sort(after[name].ravel()))
        moved += array.ndim >= 2 and not np.array_equal(array, after[name])
    assert moved >= 2
    again = randomised_copy(path, tmp_path / "again.onnx", seed=1)
    assert again.read_bytes() == copy.read_bytes()


def test_pictures_are_repeatable_and_show_both_signs(tmp_path: Path) -> None:
    values = np.zeros((7, 7))
    values[1, 1], values[5, 5] = 2.0, -1.0
    found = ActivationMap(values, 0.5, 0.25, "F4", "exact")
    grey = np.full((112, 112), 100, np.uint8)
    one = cam_overlay_png(grey, found, tmp_path / "a.png", title="case 7").read_bytes()
    assert one == cam_overlay_png(grey, found, tmp_path / "b.png", title="case 7").read_bytes()
    shown = render_cam(grey, found, longest_side=112).astype(int)
    top = shown.shape[0] - 14 - 112
    part = shown[top : top + 112, 14 : 14 + 112]
    raises, lowers = part[24, 24], part[88, 88]
    assert raises[0] > raises[2] + 40  # orange
    assert lowers[2] > lowers[0] + 10  # violet
    assert tuple(part[60, 8]) == (100, 100, 100)  # nothing there
    assert tuple(part[24, 24 + 7]) == (30, 30, 30)  # the ring around the peak
    lowers_alone = ActivationMap(np.minimum(values, 0), 0.5, 0.25, "F4", "exact")
    assert not (render_cam(grey, lowers_alone, longest_side=112)[top:, :126] == 30).all(-1).any()
    with PIL.Image.open(tmp_path / "a.png") as picture:
        assert not picture.info
    heuristic = ActivationMap(values, 0.5, 0.25, "F4", "heuristic")
    assert not np.array_equal(render_cam(grey, heuristic), render_cam(grey, found))
    with pytest.raises(UsageError, match="drawn over a picture"):
        render_cam(grey, ActivationMap(np.zeros((2, 2, 2)), 0, 0, "F4", "exact"))


@pytest.mark.parametrize(("offset", "said"), [(-71.6, "- 71.6 ="), (0.25, "+ 0.25 =")])
def test_captions_have_one_sign_before_the_intercept(offset: float, said: str) -> None:
    assert said in caption(ActivationMap(np.zeros((2, 2)), offset, offset, "F4", "exact"))


def test_maps_are_refused_where_they_do_not_fit() -> None:
    head = LinearHead(np.ones((2, 3)), np.zeros(2), ("a", "b"))
    with pytest.raises(UsageError, match="another feature map"):
        linear_map(np.ones((4, 2, 2)), head, "a")
    with pytest.raises(UsageError, match="no such class"):
        linear_map(np.ones((3, 2, 2)), head, "c")
    with pytest.raises(UsageError, match="not finite"):
        linear_map(np.full((3, 2, 2), np.nan), head, "a")
    with pytest.raises(UsageError, match="do not fit"):
        LinearHead(np.ones((2, 3)), np.zeros(3), ("a", "b"))
