"""One self-contained HTML page from a run folder: what was found, and what speaks against it."""

from radiofib.report.page import write_report

__all__ = ["write_report"]
