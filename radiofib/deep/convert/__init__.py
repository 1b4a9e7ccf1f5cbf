"""Networks of PyTorch written as ONNX files that carry their model card.

The one place that imports torch, and only when a network is converted.
"""

from radiofib.deep.convert.common import ConvertSettings
from radiofib.deep.convert.convert import convert_model
from radiofib.deep.convert.families import ARCHITECTURES

__all__ = ["ARCHITECTURES", "ConvertSettings", "convert_model"]
