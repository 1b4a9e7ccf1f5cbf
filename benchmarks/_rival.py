"""One rival on one region, run by its own Python: answers a line of JSON for every line it reads.

Started by rivals.py as ``python _rival.py NAME FOLDER``; the folder holds image.npy, mask.npy,
spacing.npy (z, y, x) and the same as image.nii and mask.nii. Needs nothing of radiofib.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

BINS = 32


class Flash:
    package = "flash-radiomics"
    what = "firstorder, shape, glcm, glrlm, glszm, gldm, ngtdm; one thread, CPU; no HDF5 written"

    def __init__(self, folder):
        import SimpleITK as sitk
        from flash_radiomics import featureextractor

        spacing = [float(s) for s in np.load(folder / "spacing.npy")[::-1]]
        self.image = sitk.GetImageFromArray(np.load(folder / "image.npy"))
        self.mask = sitk.GetImageFromArray(np.load(folder / "mask.npy").astype(np.uint8))
        for picture in (self.image, self.mask):
            picture.SetSpacing(spacing)
        self.make = featureextractor.RadiomicsFeatureExtractor

    def run(self):
        # A new extractor each time: an old one answers from its cache.
        extractor = self.make(
            binCount=BINS, num_threads=1, backend="cpu", segmentClassWorkers=1, additionalInfo=False
        )
        start = time.perf_counter()
        case = extractor.preprocess_case(self.image, self.mask, label=1)
        found = extractor.extract_from_preprocessed(case)
        seconds = time.perf_counter() - start
        values = {k: v for k, v in found.items() if not k.startswith("diagnostics")}
        return {
            "seconds": seconds,
            "features": len(values),
            "mean": float(values["original_firstorder_Mean"]),
            "energy": float(values["original_firstorder_Energy"]),
            "volume": float(values["original_shape_VoxelVolume"]),
        }


class Nyxus:
    package = "nyxus"
    what = (
        "3-D intensity, morphology, GLCM, GLRLM, GLSZM, GLDM, NGTDM (features of its own); one "
        "thread; seconds of reading the files with one intensity feature are taken off"
    )

    def __init__(self, folder):
        import nyxus

        self.files = [str(folder / "image.nii")], [str(folder / "mask.nii")]
        options = {"n_feature_calc_threads": 1, "coarse_gray_depth": BINS, "verbose": 0}
        groups = ("ALL_INTENSITY", "ALL_MORPHOLOGY", "GLCM", "GLRLM", "GLSZM", "GLDM", "NGTDM")
        self.all = nyxus.Nyxus3D([f"*3D_{group}*" for group in groups], **options)
        self.reading = nyxus.Nyxus3D(["3MEAN"], **options)

    def run(self):
        start = time.perf_counter()
        self.reading.featurize_files(*self.files, False)
        middle = time.perf_counter()
        found = self.all.featurize_files(*self.files, False)
        seconds = time.perf_counter() - middle
        values = found.iloc[0]
        return {
            "seconds": seconds - (middle - start),
            "reading": middle - start,
            "features": sum(str(name).startswith("3") for name in found.columns),
            "mean": float(values["3MEAN"]),
        }


class Mirp:
    package = "mirp"
    what = (
        "all families (IBSI 1), textures in 3-D averaged over directions; arrays, which mirp takes "
        "to have a spacing of 1 mm"
    )

    def __init__(self, folder):
        import mirp

        self.extract = mirp.extract_features
        self.voxel_mm3 = float(np.prod(np.load(folder / "spacing.npy")))
        self.given = {
            "image": np.load(folder / "image.npy").astype(np.float64),
            "mask": np.load(folder / "mask.npy").astype(np.uint8),
        }

    def run(self):
        start = time.perf_counter()
        [found] = self.extract(
            **self.given,
            base_discretisation_method="fixed_bin_number",
            base_discretisation_n_bins=BINS,
            base_feature_families="all",
            glcm_spatial_method="3d_average",
            glrlm_spatial_method="3d_average",
            glszm_spatial_method="3d",
            gldzm_spatial_method="3d",
            ngtdm_spatial_method="3d",
            ngldm_spatial_method="3d",
        )
        seconds = time.perf_counter() - start
        names = [c for c in found.columns if c.split("_")[0] in FAMILIES_OF_MIRP]
        return {
            "seconds": seconds,
            "features": len(names),
            "mean": float(found["stat_mean"].iloc[0]),
            "volume": float(found["morph_vol_approx"].iloc[0] * self.voxel_mm3),
        }


FAMILIES_OF_MIRP = {
    *("morph", "loc", "stat", "ivh", "ih", "cm", "rlm", "szm", "dzm", "ngt", "ngl"),
}
RIVALS = {"flash-radiomics": Flash, "nyxus": Nyxus, "mirp": Mirp}


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a rival prints must not come between the answers
    rival = RIVALS[name]
    try:
        made = rival(folder)
        hello = {"version": importlib.metadata.version(rival.package), "what": rival.what}
    except ImportError as error:
        made, hello = None, {"absent": f"{type(error).__name__}: {error}"}
    print(json.dumps(hello), file=answers, flush=True)
    for _ in sys.stdin:
        if made is not None:
            print(json.dumps(made.run()), file=answers, flush=True)


if __name__ == "__main__":
    main()
