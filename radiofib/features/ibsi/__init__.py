"""The features of IBSI 1: one family per module, and one door to those of texture."""

from radiofib.features.ibsi.texture import TEXTURE_FAMILIES, IbsiTexture, texture

__all__ = ["TEXTURE_FAMILIES", "IbsiTexture", "texture"]
