"""Registration of one image to another, and what is done with the transform."""

from radiofib.preprocess.register.apply import (
    carry_mask,
    read_transform,
    resample_to,
    write_transform,
)
from radiofib.preprocess.register.pair import Registration, register_pair
from radiofib.preprocess.register.settings import Bounds, RegistrationSettings

__all__ = [
    "Bounds",
    "Registration",
    "RegistrationSettings",
    "carry_mask",
    "read_transform",
    "register_pair",
    "resample_to",
    "write_transform",
]
