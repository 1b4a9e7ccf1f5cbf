"""Ready scripts that carry GeoJSON into a QuPath project and back out of it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from radiofib.errors import UsageError

__all__ = ["QUPATH_SCRIPTS", "write_qupath_scripts"]

#: Scripts for QuPath 0.4 to 0.7: into the project, and out of it for ``slides remeasure``.
QUPATH_SCRIPTS = ("radiofib_import.groovy", "radiofib_export.groovy")


def write_qupath_scripts(out: str | Path) -> list[Path]:
    """Write the scripts into a folder, best the one with the GeoJSON files.

    A script takes the folder it lies in for the folder of the files.

    Parameters
    ----------
    out : path
        Folder; made where it is missing. Scripts that are there already are replaced.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    UsageError
        When the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in write_qupath_scripts(folder)]
    ['radiofib_import.groovy', 'radiofib_export.groovy']
    """
    out = Path(out)
    package = resources.files("radiofib.slides.qupath")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in QUPATH_SCRIPTS:
            (out / name).write_bytes((package / name).read_bytes())
    except OSError as error:
        raise UsageError(
            "the scripts cannot be written", where=str(out), found=error.strerror
        ) from error
    return [out / name for name in QUPATH_SCRIPTS]
