"""The page in a real browser: silent console, no requests, accessible, usable by keyboard."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from radiofib.report import write_report
from tests.report.extra_files import add_everything
from tests.report.run_folder import build_run

pytestmark = pytest.mark.clients

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--v=0",
)
PACKAGES = ("axe-core@4.14.1", "playwright-core@1.65.1")


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if found is None:
        pytest.skip("chromium is not installed")
    return found


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with axe-core and playwright-core: $RADIOFIB_NODE_MODULES, or fetched by npm."""
    given = os.environ.get("RADIOFIB_NODE_MODULES")
    if given:
        return Path(given)
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), *PACKAGES],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"npm could not fetch {', '.join(PACKAGES)}: {done.stderr[-200:]}")
    return folder / "node_modules"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = build_run(tmp_path_factory.mktemp("run"), instances=2, slides=True)
    return write_report(add_everything(root))


def run_chromium(chromium: str, profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [chromium, *FLAGS, f"--user-data-dir={profile}", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in done.stderr
    return done


def test_console_stays_silent_and_the_script_runs(
    chromium: str, page: Path, tmp_path: Path
) -> None:
    dom = run_chromium(chromium, tmp_path, "--dump-dom", page.as_uri()).stdout
    assert dom.count('class="copy"') == dom.count("<table") > 20
    assert dom.count("<button") > 60


@pytest.mark.parametrize("width", [800, 1100])
def test_a_table_of_thresholds_fits_and_its_rules_are_readable(
    chromium: str, page: Path, tmp_path: Path, width: int
) -> None:
    html = page.read_text(encoding="utf-8")
    style = "".join(re.findall(r"<style>.*?</style>", html, re.DOTALL))
    section = re.search(r'<section[^>]*id="thresholds".*?</section>', html, re.DOTALL)
    assert section is not None
    rule = section[0].replace('<th scope="row">', '<th scope="row">rule out at sensitivity 0.9, ')
    rule = rule.replace('<td class="e">–</td>', '<td class="e">0.895 (0.759–0.958)</td>')
    script = """<script>
    const box = document.querySelector(".scroll"), rows = [...box.querySelectorAll("tbody th")];
    const line = parseFloat(getComputedStyle(rows[1]).lineHeight);
    const lines = rows.map(r => Math.round((r.clientHeight - 8) / line));
    document.title = `${box.scrollWidth - box.clientWidth} ${Math.max(...lines)}`;
    </script>"""
    part = tmp_path / "part.html"
    body = f'<div class="page"><main>{rule}</main></div>{script}'
    part.write_text(f"<!doctype html><meta charset=utf-8><title></title>{style}{body}", "utf-8")
    arguments = f"--window-size={width},900", "--dump-dom", part.as_uri()
    dom = run_chromium(chromium, tmp_path / "profile", *arguments).stdout
    told = re.search(r"<title>(\d+) (\d+)</title>", dom)
    assert told is not None
    hidden, lines = map(int, told.groups())
    assert hidden == 0
    assert lines <= 4


def test_prints_to_a_few_pages(chromium: str, page: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "report.pdf"
    run_chromium(
        chromium,
        tmp_path / "profile",
        "--no-pdf-header-footer",
        f"--print-to-pdf={pdf}",
        page.as_uri(),
    )
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF")
    assert 15 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 30


@pytest.fixture(scope="module")
def seen(chromium: str, node_modules: Path, page: Path) -> dict[str, Any]:
    script = Path(__file__).with_name("page_check.js")
    done = subprocess.run(
        ["node", str(script), str(page), chromium],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        env={**os.environ, "NODE_PATH": str(node_modules)},
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_axe_finds_nothing_serious(seen: dict[str, Any]) -> None:
    for found in seen["violations"].values():
        assert [v for v in found if v["impact"] in ("serious", "critical")] == []


def test_nothing_is_requested_and_nothing_is_logged(seen: dict[str, Any], page: Path) -> None:
    assert seen["console"] == []
    assert {u for u in seen["requests"] if not u.startswith("data:")} == {page.as_uri()}


def test_the_page_never_scrolls_sideways(seen: dict[str, Any]) -> None:
    assert seen["width"] == {"1280": 1280, "400": 400}


def test_tables_sort_and_copy_by_keyboard(seen: dict[str, Any]) -> None:
    numbers = [int(text.split(" ")[0]) for text in seen["ascending"]]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 4
    assert seen["descending"] == seen["ascending"][::-1]
    assert seen["sorted"] == "descending"
    lines = seen["copied"].split("\n")
    assert lines[0].split("\t") == ["", "By patient", "", "By row", ""]
    assert lines[1].split("\t")[0] == "Model"
    assert {len(line.split("\t")) for line in lines} == {5}
    assert seen["first_stop"] == "skip"


def test_is_complete_without_javascript(seen: dict[str, Any]) -> None:
    assert seen["plain"]["buttons"] == 0
    assert seen["plain"]["tables"] > 8
    assert "On scanners it never saw" in seen["plain"]["summary"]
