"""One self-contained HTML page from a run folder: what was found, and what speaks against it.

Several run folders become a page that holds them side by side.
"""

from radiofib.report.page import write_comparison, write_report

__all__ = ["write_comparison", "write_report"]
