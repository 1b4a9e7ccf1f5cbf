"""Image to image for texture: the image types of pyradiomics, computed around the region."""

from radiofib.filters.filtered import IMAGE_TYPES, filtered

__all__ = ["IMAGE_TYPES", "filtered"]
