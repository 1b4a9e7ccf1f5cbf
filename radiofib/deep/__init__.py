"""Neural networks as ONNX files, run by onnxruntime; training is elsewhere."""

from radiofib.deep.card import ModelCard, check_card, read_card, with_card
from radiofib.deep.session import OnnxSession, Port, open_session

__all__ = [
    "ModelCard",
    "OnnxSession",
    "Port",
    "check_card",
    "open_session",
    "read_card",
    "with_card",
]
