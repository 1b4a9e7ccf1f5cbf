"""Parameter files in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from radiofib.errors import ConfigError

__all__ = ["load_json"]


def load_json(path: Path) -> Any:
    """Return the content of a JSON file; ConfigError when it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError("no such file", where=str(path), hint="check the path") from error
    except (ValueError, IsADirectoryError) as error:
        raise ConfigError("not valid JSON", where=path.name, found=str(error)) from error
