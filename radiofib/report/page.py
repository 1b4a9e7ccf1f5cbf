"""Compose the sections, number tables and figures, draw the page, write it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from radiofib.errors import ExportError, UsageError
from radiofib.report.alignment import alignment_section
from radiofib.report.appendix import (
    configuration_section,
    features_section,
    glossary_section,
)
from radiofib.report.blocks import Block, Note, Section
from radiofib.report.cases import cohort_section, flow_section
from radiofib.report.certainty import certainty_section
from radiofib.report.checklists import fill_checklists, write_checklists
from radiofib.report.clinical import clinical_section
from radiofib.report.compare import comparison_sections, read_runs
from radiofib.report.comparisons import comparisons_section
from radiofib.report.context import Context
from radiofib.report.curves import curves_section
from radiofib.report.decisions import thresholds_section
from radiofib.report.files import files_section
from radiofib.report.folder import RunFolder, read_run
from radiofib.report.format import clean, shorten
from radiofib.report.gallery import examples_section, maps_section, slides_section
from radiofib.report.importance import importance_section
from radiofib.report.interpretable import interpretable_section
from radiofib.report.lists import checklists_section
from radiofib.report.overview import overview_section
from radiofib.report.performance import performance_section
from radiofib.report.quality import quality_section
from radiofib.report.summary import summary_section
from radiofib.report.writing import check_is_file, write_text

__all__ = [
    "Chapter",
    "chapters",
    "render",
    "sections",
    "write_comparison",
    "write_report",
    "write_sections",
]

#: A part is a folder in the run folder, never a path out of it.
_PART = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")

NOT_CLINICAL = "Not for clinical use."


@dataclass(frozen=True)
class Chapter:
    """One run on the page; the title is empty when it is the only one."""

    ident: str
    title: str
    sections: tuple[Section, ...]


def sections(context: Context) -> tuple[Section, ...]:
    """Return the sections of one run in reading order; the glossary is the page's."""
    built = [
        summary_section(context),
        flow_section(context),
        cohort_section(context),
        quality_section(context),
        alignment_section(context),
        performance_section(context),
        curves_section(context),
        comparisons_section(context),
        clinical_section(context),
        thresholds_section(context),
        certainty_section(context),
        interpretable_section(context),
        importance_section(context),
        examples_section(context),
        maps_section(context),
        slides_section(context),
        features_section(context),
        configuration_section(context),
        checklists_section(context),
        files_section(context),
    ]
    return tuple(
        replace(section, ident=context.prefix + section.ident)
        for section in built
        if section is not None
    )


def chapters(folder: RunFolder) -> tuple[Chapter, ...]:
    """Return one chapter for a run, or an overview and one for each part it names.

    ``run.json`` of a run over several cohorts lists its parts: names of folders in the run
    folder, each a run folder of its own.
    """
    names = _part_names(folder)
    if not names:
        only = Context(folder)
        return (Chapter("", "", (*sections(only), glossary_section([only]))),)
    parts: list[tuple[str, Context]] = []
    built: list[Chapter] = []
    for i, name in enumerate(names):
        prefix = f"part{i + 1}-"
        part = _read_part(folder, name)
        if isinstance(part, str):
            alone = Section(f"{prefix}absent", "Nothing to show", (Note(part),))
            built.append(Chapter(f"part{i + 1}", name, (alone,)))
            continue
        context = Context(part, prefix=prefix, share=1 / len(names))
        parts.append((name, context))
        title = shorten(part.text("title") or name, 200)
        built.append(Chapter(f"part{i + 1}", f"Part {i + 1}: {title}", sections(context)))
    overview = overview_section(folder, parts)
    last = Chapter("methods", "Methods", (glossary_section([c for _, c in parts]),))
    return (Chapter("overview", "Overview", (overview,)), *built, last)


def _part_names(folder: RunFolder) -> list[str]:
    return [n for n in folder.strings("parts") if _PART.match(n)]


def _read_part(folder: RunFolder, name: str) -> RunFolder | str:
    """Read a part, or say why it is not shown."""
    try:
        return read_run(folder.root / name)
    except UsageError as error:
        return f"{name}/ is not shown: {error.problem}."


def _numbers(built: tuple[Chapter, ...]) -> dict[int, str]:
    """Give every captioned block its number: "Table 3", "Figure 1"."""
    names = {"table": "Table", "figure": "Figure", "gallery": "Figure"}
    counters: dict[str, int] = {}
    found: dict[int, str] = {}
    for block in (b for c in built for s in c.sections for b in s.blocks):
        name = names.get(block.kind)
        if name:
            counters[name] = counters.get(name, 0) + 1
            found[id(block)] = f"{name} {counters[name]}"
    return found


def _asset(name: str) -> str:
    return (resources.files("radiofib.report") / "templates" / name).read_text(encoding="utf-8")


def _policy_hash(source: str) -> str:
    digest = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _finalize(value: object) -> object:
    return value if isinstance(value, Markup) or not isinstance(value, str) else clean(value)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("radiofib.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(folder: RunFolder) -> str:
    """Return the page as text.

    Parameters
    ----------
    folder : RunFolder
        The run that was read.

    Notes
    -----
    The page allows itself nothing: its content security policy names the hash of the one style
    sheet and the one script in it and forbids every address, so that text from outside can
    neither run nor fetch anything even if an escape were forgotten.
    """
    title = shorten(folder.text("title") or "Staging of liver fibrosis", 200)
    return _draw(chapters(folder), title, shorten(_subtitle(folder), 300))


def _draw(built: tuple[Chapter, ...], title: str, subtitle: str) -> str:
    numbers = _numbers(built)
    style, script = _asset("report.css"), _asset("report.js")

    def numbered(block: Block) -> str:
        return numbers[id(block)]

    page: str = (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=title,
            subtitle=subtitle,
            not_clinical=NOT_CLINICAL,
            chapters=built,
            numbered=numbered,
            style=Markup(style),
            script=Markup(script),
            style_hash=Markup(_policy_hash(style)),
            script_hash=Markup(_policy_hash(script)),
        )
    )
    return page


def _subtitle(folder: RunFolder) -> str:
    versions = folder.mapping("versions")
    parts = [folder.text("study")]
    if versions.get("radiofib"):
        parts.append(f"radiofib {versions['radiofib']}")
    if folder.text("config_hash"):
        parts.append(f"configuration {folder.text('config_hash')[:12]}")
    return " · ".join(p for p in parts if p)


def write_report(run_dir: str | Path, out: str | Path | None = None) -> Path:
    """Write the report of a run as one self-contained HTML page.

    Parameters
    ----------
    run_dir : path
        Folder that ``radiofib run`` wrote. Only its files are read; what is absent is left out
        of the page with a sentence that says so.
    out : path, optional
        The page to write; ``report.html`` in the run folder by default.

    Returns
    -------
    Path
        The page. Equal folders give equal bytes.

    Raises
    ------
    UsageError
        When the folder does not exist, holds no file of a run, or `out` is a folder.
    ExportError
        When the page cannot be written; nothing half-written is left.

    Examples
    --------
    >>> import json, tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "run.json").write_text(json.dumps({"title": "Example <1>"}))
    >>> "Example &lt;1&gt;" in write_report(folder).read_text()
    True
    """
    folder = read_run(run_dir)
    target = Path(out) if out is not None else Path(run_dir) / "report.html"
    check_is_file(target)
    _write_checklists(folder, inside=target.parent == Path(run_dir))
    return write_text(target, render(folder))


def write_comparison(run_dirs: Sequence[str | Path], out: str | Path) -> Path:
    """Write one page that holds several runs side by side.

    Parameters
    ----------
    run_dirs : sequence of path
        Folders that ``radiofib run`` wrote, two or more; differences are taken from the first.
    out : path
        The page to write.

    Returns
    -------
    Path
        The page. Equal folders give equal bytes.

    Raises
    ------
    UsageError
        When there are fewer than two runs, one is named twice, one is no run, or `out` is a
        folder.
    ExportError
        When the page cannot be written; nothing half-written is left.

    Examples
    --------
    >>> write_comparison(["run"], "compare.html")
    Traceback (most recent call last):
    radiofib.errors.UsageError: a comparison needs two or more runs (expected 2 to 26 run
    folders; found 1).
    """
    target = Path(out)
    check_is_file(target)
    names, contexts = read_runs(run_dirs)
    built = (*comparison_sections(names, contexts), glossary_section(contexts))
    title = f"Comparison of {len(names)} runs"
    versions = [c.folder.mapping("versions").get("radiofib") for c in contexts]
    known = ", ".join(dict.fromkeys(f"radiofib {v}" for v in versions if v))
    return write_text(target, _draw((Chapter("", "", built),), title, shorten(known, 300)))


def write_sections(built: Sequence[Section], target: Path, title: str, subtitle: str = "") -> Path:
    """Write a page of these sections alone, in the frame of every report.

    Parameters
    ----------
    built : sequence of Section
        In reading order.
    target : path
        The page to write.
    title, subtitle : str

    Returns
    -------
    Path
        The page. Equal sections give equal bytes.
    """
    check_is_file(target)
    return write_text(target, _draw((Chapter("", "", tuple(built)),), title, subtitle))


def _write_checklists(folder: RunFolder, *, inside: bool) -> None:
    """Write the checklists of the run, or of each of its parts, into its folder.

    A folder that cannot be written matters only when the page itself is meant to go there.
    """
    parts = [_read_part(folder, name) for name in _part_names(folder)] or [folder]
    for part in parts:
        if isinstance(part, str):
            continue
        try:
            write_checklists(fill_checklists(Context(part)), part.root / "checklists")
        except ExportError:
            if inside:
                raise
