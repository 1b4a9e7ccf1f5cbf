"""The scripts for QuPath are installed and written, and say the same about names of cases."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path

import numpy as np
import pytest

from radiofib.cli.app import main
from radiofib.errors import UsageError
from radiofib.slides.polygons import trace_polygons
from radiofib.slides.qupath.geojson import Annotation, to_geojson
from radiofib.slides.qupath.scripts import QUPATH_SCRIPTS, write_qupath_scripts

#: What the scripts ask of QuPath: found in its sources at v0.4.4, v0.5.1, v0.6.0 and v0.7.0.
KNOWN = {
    *("getProject", "getCurrentImageData", "getPath", "getEntry", "getImageList"),
    *("getImageName", "getURIs", "readImageData", "readHierarchy", "saveImageData"),
    *("getHierarchy", "getServer", "close", "getAllObjects", "removeObjects", "addObjects"),
    *("getID", "getPathClass", "isAnnotation", "isDetection", "isCell", "isTile"),
    *("readObjects", "exportObjectsAsGeoJSON"),
}
#: Of Java and Groovy.
PLAIN = {
    *("toFile", "isFile", "getParentFile", "mkdirs", "getName", "currentTimeMillis", "find"),
    *("findAll", "collect", "version", "contains", "size", "add", "hasVariable", "getVariable"),
    *("split", "pop", "replace", "replaceFirst", "takeRight", "join", "unique", "File"),
    *("IllegalStateException", "findFolder", "caseNames", "stem", "if", "for", "catch"),
}


def test_both_scripts_are_written_beside_the_outlines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main_out = tmp_path / "slides"
    with pytest.raises(SystemExit) as stop:
        main(["slides", "qupath-script", "--out", str(main_out)])
    assert stop.value.code == 0
    assert sorted(p.name for p in main_out.iterdir()) == sorted(QUPATH_SCRIPTS)
    assert "radiofib_import.groovy" in capsys.readouterr().out
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_qupath_scripts(tmp_path / "file")


@pytest.mark.parametrize("name", QUPATH_SCRIPTS)
def test_scripts_call_what_every_version_has_and_nothing_else(name: str, tmp_path: Path) -> None:
    write_qupath_scripts(tmp_path)
    text = (tmp_path / name).read_text(encoding="ascii")
    code = re.sub(r"/\*.*?\*/|//[^\n]*|'[^'\n]*'", "", text, flags=re.DOTALL)
    assert set(re.findall(r"\b(\w+)\(", code)) <= KNOWN | PLAIN
    assert code.count("{") == code.count("}")
    assert code.count("(") == code.count(")")
    assert "QuPath 0.4 to 0.7" in text


def test_both_scripts_name_cases_alike(tmp_path: Path) -> None:
    one, two = (p.read_text() for p in write_qupath_scripts(tmp_path))
    assert one[one.index("def findFolder()") :] == two[two.index("def findFolder()") :]


def test_objects_of_radiofib_are_known_by_the_version_of_their_id() -> None:
    [polygon] = trace_polygons(np.ones((2, 2), dtype=bool))
    text = to_geojson([Annotation(polygon, "a", "b", (0, 0, 0))], key="k")
    assert uuid.UUID(json.loads(text)["features"][0]["id"]).version == 5
    script = (
        Path(__file__).parents[3] / "radiofib/slides/qupath/radiofib_import.groovy"
    ).read_text()
    assert "getID().version() == 5" in script
