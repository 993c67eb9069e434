"""The stand-in of Kili as a child of the demo, which never outlives it."""

import sys

from local.kili_standin.__main__ import main
from local.stack.lifeline import end_with_parent

if __name__ == "__main__":
    end_with_parent()
    sys.exit(main())
