"""Neural networks as ONNX files, run by onnxruntime; training is elsewhere."""

from radiofib.deep.session import OnnxSession, Port, open_session

__all__ = ["OnnxSession", "Port", "open_session"]
