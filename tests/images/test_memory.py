"""A volume of 640 x 520 x 64 with its mask is read and cut out in little memory."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from tests.images.dicom_objects import write_rtstruct, write_seg

pytestmark = pytest.mark.slow

SHAPE = (64, 520, 640)
SPACING = (3.5, 0.6, 0.6)
#: The promise is 2 GB for the whole of a case; reading may take a quarter.
MOST_MB = 700
_SCRIPT = """
import sys
from pathlib import Path
import radiofib.images as images
from radiofib.preprocess.crop import bounding_box, grown
roi = images.load_roi(sys.argv[1], sys.argv[2], channel="t1")
box = grown(bounding_box(roi.mask), 5, roi.mask.shape)
part = roi.pixels[box].copy(), roi.mask[box].copy()
peak = [line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
print(part[1].sum(), int(peak[0].split()[1]) // 1024)
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Write an ellipsoid as masks of every kind, and images of two types."""
    folder = tmp_path_factory.mktemp("large")
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    region = ((z - 32) / 25) ** 2 + ((y - 250) / 160) ** 2 + ((x - 250) / 180) ** 2 < 1
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 1000, SHAPE, dtype=np.int16)

    def write(name, array, origin=(0.0, 0.0, 0.0)):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(SPACING[::-1])
        image.SetOrigin(origin)
        sitk.WriteImage(image, str(folder / name), True, compressionLevel=1)

    write("int16.nii.gz", pixels)
    write("float32.nii.gz", pixels.astype(np.float32))
    write("uint8.nii.gz", region.astype(np.uint8))
    write("float.nii.gz", region.astype(np.float32))
    write("everything_moved.nii.gz", np.ones(SHAPE, np.uint8), (10.0, 10.0, 3.0))
    place = {"step": 3.5, "spacing": (0.6, 0.6), "origin": (0.0, 0.0, 0.0), "between": 3.5}
    write_seg(folder / "seg.dcm", {1: region}, **place)
    turn = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    ring = np.stack([250 + 180 * np.cos(turn), 250 + 160 * np.sin(turn)], axis=1) * 0.6
    contours = [np.column_stack([ring, np.full(400, k * 3.5)]) for k in range(8, 57)]
    write_rtstruct(folder / "rtstruct.dcm", {1: contours})
    return folder, int(region.sum())


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize("kind", ["int16", "float32"])
@pytest.mark.parametrize(
    "mask",
    ["uint8.nii.gz", "float.nii.gz", "everything_moved.nii.gz", "seg.dcm", "rtstruct.dcm"],
)
def test_peak_of_reading_and_cutting_out(files, repository, kind, mask):
    folder, voxels = files
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, folder / f"{kind}.nii.gz", folder / mask],
        capture_output=True, text=True, check=True, cwd=repository,
    )  # fmt: skip
    count, peak = map(int, done.stdout.split())
    print(f"{kind} with {mask}: {peak} MB")  # noqa: T201
    if mask in ("uint8.nii.gz", "float.nii.gz", "seg.dcm"):
        assert count == voxels
    assert peak < MOST_MB
