"""On pictures with a planted lesion the map's peak lies in it; ONNX and torch draw one map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiofib.deep.cam import head_of_stager, linear_map, map_dependence, shuffled_heads
from radiofib.deep.cam_network import network_head, randomised_copy
from radiofib.deep.cam_places import peak
from radiofib.deep.card import ModelCard, read_card
from radiofib.deep.convert import ConvertSettings, convert_model
from radiofib.deep.session import OnnxSession, open_session
from radiofib.simulate.lesion_images import LesionImages, simulate_lesion_images
from radiofib.staging import LogisticStager
from tests.deep.convert import claims
from tests.deep.small_net import prepared, train

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow
CLASSES = ("none", "lesion")
OUTPUTS = ["logits", "embedding", "feature_map"]


@pytest.fixture(scope="module", params=["LESION_UNSEEN", "LESION_FRESH"])
def unseen(request: pytest.FixtureRequest) -> LesionImages:
    return simulate_lesion_images(**getattr(claims, request.param))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, LesionImages]:
    """Return the network in torch, its ONNX file, and the pictures it was trained on."""
    fit = simulate_lesion_images(**claims.LESION_FIT)
    net = train(torch, fit.pixels, fit.present, epochs=15, seed=0)
    folder = tmp_path_factory.mktemp("lesion")
    torch.jit.trace(net, torch.zeros(2, 1, 224, 224)).save(str(folder / "net.pt"))
    facts = {
        "kind": "classifier",
        "architecture": "four convolutions",
        "licence": "CC0-1.0",
        "classes": [{"name": name} for name in CLASSES],
        "outputs": [{"name": name, "role": name} for name in OUTPUTS],
        "preprocessing": {
            "colour": "grey", "size": [224, 224], "resize": "none", "value_range": [0, 1],
            "mean": [0.5], "sd": [0.25], "layout": "NCHW", "dtype": "float32",
        },
    }  # fmt: skip
    settings = ConvertSettings(trust_torchscript=True)
    out = folder / "net.onnx"
    convert_model("generic", folder / "net.pt", out, stated=facts, settings=settings)
    return net, out, fit


def _outputs(session: OnnxSession, pixels: np.ndarray) -> dict[str, np.ndarray]:
    parts = [
        session.run_bound({"image": prepared(pixels[k : k + 50])}, outputs=OUTPUTS).values
        for k in range(0, len(pixels), 50)
    ]
    return {name: np.concatenate([p[name] for p in parts]) for name in OUTPUTS}


@pytest.fixture(scope="module")
def found(trained: tuple[Any, Path, LesionImages], unseen: LesionImages) -> dict[str, np.ndarray]:
    return _outputs(open_session(trained[1]), unseen.pixels)


def _share_in_lesion(found: dict[str, np.ndarray], unseen: LesionImages, head: Any) -> float:
    hits = [
        unseen.masks[k][
            peak(linear_map(found["feature_map"][k], head, "lesion").values, (224, 224))
        ]
        for k in np.flatnonzero(unseen.present)
    ]
    return float(np.mean(hits))


def test_the_network_tells_lesions_at_all(
    found: dict[str, np.ndarray], unseen: LesionImages
) -> None:
    told = found["logits"][:, 1] > found["logits"][:, 0]
    assert (told == unseen.present).mean() > 0.9


def test_peak_of_the_networks_own_map_is_in_the_lesion(
    trained: tuple[Any, Path, LesionImages], found: dict[str, np.ndarray], unseen: LesionImages
) -> None:
    head = network_head(trained[1], read_card(trained[1]))
    assert _share_in_lesion(found, unseen, head) >= claims.LESION_PEAK


def test_peak_of_a_stagers_map_is_in_the_lesion(
    trained: tuple[Any, Path, LesionImages], found: dict[str, np.ndarray], unseen: LesionImages
) -> None:
    _, path, fit = trained
    seen = _outputs(open_session(path), fit.pixels)["embedding"]
    stager = LogisticStager().fit(seen, np.where(fit.present, "lesion", "none"))
    assert _share_in_lesion(found, unseen, head_of_stager(stager)) >= claims.LESION_PEAK


def test_the_map_of_the_graph_is_that_of_torch(
    trained: tuple[Any, Path, LesionImages], found: dict[str, np.ndarray], unseen: LesionImages
) -> None:
    net, path, _ = trained
    card: ModelCard = read_card(path)
    head = network_head(path, card)
    with torch.inference_mode():
        logits, _, features = net(torch.from_numpy(prepared(unseen.pixels[:40])))
        maps = torch.einsum("kc,nchw->nkhw", net.fc.weight, features).numpy()
    for k in range(40):
        for number, label in enumerate(CLASSES):
            own = linear_map(found["feature_map"][k], head, label)
            np.testing.assert_allclose(own.values, maps[k, number], atol=claims.CAM_ABSOLUTE)
            assert own.score == pytest.approx(float(logits[k, number]), abs=1e-4)


def test_maps_depend_on_the_weights(
    trained: tuple[Any, Path, LesionImages],
    found: dict[str, np.ndarray],
    unseen: LesionImages,
    tmp_path: Path,
) -> None:
    head = network_head(trained[1], read_card(trained[1]))
    k = int(np.flatnonzero(unseen.present)[0])
    own = linear_map(found["feature_map"][k], head, "lesion").values
    heads = shuffled_heads(head, 20)
    of_heads = [linear_map(found["feature_map"][k], h, "lesion").values for h in heads]
    of_nets = []
    for seed in range(5):
        session = open_session(randomised_copy(trained[1], tmp_path / f"{seed}.onnx", seed=seed))
        features = _outputs(session, unseen.pixels[k : k + 1])["feature_map"][0]
        of_nets.append(linear_map(features, head, "lesion").values)
    for maps in (of_heads, of_nets):
        assert np.nanmean(map_dependence(own, maps)) < 0.9
