"""File to image: radiological volumes, DICOM series, ultrasound pictures."""

from radiofib.images.exchange import as_sitk, from_sitk, write_volume
from radiofib.images.image import Image
from radiofib.images.mask import read_mask
from radiofib.images.overlay import overlay_png
from radiofib.images.read import read_image
from radiofib.images.region import load_roi, make_roi
from radiofib.images.sniff import hash_source

__all__ = [
    "Image",
    "as_sitk",
    "from_sitk",
    "hash_source",
    "load_roi",
    "make_roi",
    "overlay_png",
    "read_image",
    "read_mask",
    "write_volume",
]
