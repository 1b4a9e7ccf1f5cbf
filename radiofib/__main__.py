"""``python -m radiofib`` is the same as ``radiofib``."""

from radiofib.cli import main

if __name__ == "__main__":
    main()
