"""The command line: parse, one library call, write.

Library modules are imported inside the commands, so that ``radiofib --help`` stays quick.
"""

from radiofib.cli.app import main

__all__ = ["main"]
