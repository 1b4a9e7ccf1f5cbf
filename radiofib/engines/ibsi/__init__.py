"""Profile `ibsi` of the native engine: IBSI's features, filters and conventions."""

from radiofib.engines.ibsi.settings import Bins, IbsiSettings

__all__ = ["Bins", "IbsiSettings"]
