"""Tables of stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from radiofib.errors import UsageError
from radiofib.slides.morphometry.stages import read_stages


def written(folder: Path, text: str) -> Path:
    path = folder / "stages.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_numbers_letters_and_gaps(tmp_path: Path) -> None:
    text = "\ufeffcase,site,stage\na,x,3\nb,x,F2\nc,x,\nd,y,S 4\n"
    assert read_stages(written(tmp_path, text)) == {"a": 3.0, "b": 2.0, "d": 4.0}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,stage\na,1\n", "columns case and stage"),
        ("", "empty file"),
        ("case,stage\na,1\na,2\n", "row 3: a case is named twice"),
        ("case,stage\na,severe\n", "row 2: not a stage"),
        ("case,stage\n,1\n", "row 2: no case is named"),
        ("case,stage\na,4\nb,5\n", "row 3: not a stage of the schemes.*0 to 4.*found 5"),
    ],
)
def test_what_is_wrong_is_said_with_its_row(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_stages(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such file .*Next: check the path"):
        read_stages(tmp_path / "no.csv")
    (tmp_path / "latin.csv").write_bytes("case,stage\nM\xfcller,1\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"cannot be read .*UTF-8"):
        read_stages(tmp_path / "latin.csv")
