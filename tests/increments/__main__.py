"""`python -m tests.increments`; apart from the command, which other processes import too."""

import sys

from tests.increments.command import main

if __name__ == "__main__":
    sys.exit(main())
