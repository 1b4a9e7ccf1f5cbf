"""R and PSPP, run as a user would; any warning is an error."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from pathlib import Path

import pytest

#: Writes each numeric column in hexadecimal, so that every bit can be compared.
DUMP = """
hex <- function(x) ifelse(is.na(x), "NA", sprintf("%a", as.numeric(x)))
dump <- function(d, path) {
  d <- as.data.frame(lapply(d, function(x) if (is.character(x)) x else hex(x)),
                     check.names = FALSE, stringsAsFactors = FALSE)
  write.table(d, path, sep = "\\t", quote = FALSE, row.names = FALSE, na = "NA",
              fileEncoding = "UTF-8")
}
"""


def program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "warning" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr
    return done.stdout


def r(code: str, folder: Path, *, haven: bool = False) -> list[str]:
    """Run R code, any warning being an error, and return the lines it prints."""
    rscript = program("Rscript")
    if haven:
        check = [rscript, "-e", 'quit(status = !requireNamespace("haven", quietly = TRUE))']
        if subprocess.run(check, check=False).returncode:
            pytest.skip("R's package haven is not installed")
        code = "library(haven)\n" + code
    (folder / "check.R").write_text("options(warn = 2)\n" + DUMP + code, encoding="utf-8")
    return run([rscript, "check.R"], folder).splitlines()


def pspp(syntax: str, folder: Path) -> str:
    (folder / "check.sps").write_text(syntax, encoding="utf-8")
    return run([program("pspp"), "-O", "format=txt", "check.sps"], folder)


def dumped(path: Path) -> dict[str, list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
    return dict(zip(header, zip(*rows, strict=True), strict=True))
