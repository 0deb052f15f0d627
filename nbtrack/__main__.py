"""Run the command line as ``python -m nbtrack``."""

import sys

from nbtrack.cli import main

if __name__ == "__main__":
    sys.exit(main())
