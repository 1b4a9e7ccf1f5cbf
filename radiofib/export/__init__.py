"""Feature tables in the formats of statistics programs."""

from radiofib.export.tables import FORMATS, export_table

__all__ = ["FORMATS", "export_table"]
