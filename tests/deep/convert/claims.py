"""What converted networks are held to: sizes, seeds and bounds, written before any was run."""

from __future__ import annotations

#: ONNX against torch: largest difference over the largest value.
RESNET_RELATIVE = 1e-4
#: Largest difference of logits, and the share of equal labels.
SEGFORMER_ABSOLUTE = 1e-5
SEGFORMER_LABELS = 0.9999
#: A map from the ONNX graph against one made in torch.
CAM_ABSOLUTE = 1e-5

#: Pictures with a planted lesion (radiofib.simulate.lesion_images, its law as it stands): a
#: head is fitted on the first, the peak of its map must lie in the lesion in this share of the
#: unseen pictures that have one.
LESION_FIT = {"n": 300, "seed": 11}
LESION_UNSEEN = {"n": 400, "seed": 12}
#: Written down after the first had been looked at, and before it was simulated.
LESION_FRESH = {"n": 400, "seed": 4077}
LESION_PEAK = 0.95

#: Static int8 against fp32, pictures of simulate_varied_images: cosine of the embeddings after
#: the set's mean is taken off, for every picture, and the share with the same nearest neighbour
#: by that cosine.
INT8_CALIBRATION = {"n": 64, "seed": 21}
INT8_UNSEEN = {"n": 200, "seed": 22}
INT8_COSINE = 0.99
INT8_NEIGHBOUR = 0.95

#: The same for a network that has been trained (tests.deep.convert.trained), with bounds as
#: above; weights, calibration and pictures of seeds that nothing was tried on.
INT8_TRAINED = {"n": 600, "picture_seed": 3301, "seed": 2, "steps": 240}
INT8_TRAINED_CALIBRATION = {"n": 64, "seed": 3321}
INT8_TRAINED_UNSEEN = {"n": 200, "seed": 3322}

#: More networks, each written down after the one before had been run: the third after what sums
#: read was kept in float, since the second had missed by one picture of 200 (0.945).
INT8_MORE = {
    "second": {
        "network": {"n": 600, "picture_seed": 9101, "seed": 9, "steps": 240},
        "calibration": {"n": 64, "seed": 9121},
        "unseen": {"n": 200, "seed": 9122},
    },
    "third": {
        "network": {"n": 600, "picture_seed": 9301, "seed": 17, "steps": 240},
        "calibration": {"n": 64, "seed": 9321},
        "unseen": {"n": 200, "seed": 9322},
    },
}
#: The same on pictures of patients, Byra et al.'s regions of livers, whose order is drawn with the
#: seed: so many set the ranges, so many are compared.
INT8_PATIENTS = {"seed": 9131, "calibration": 64, "unseen": 200}
