"""The stand-in of Kili as a child of the demo, which never outlives it."""

import sys

from kili_export.local.kili_standin.__main__ import main
from kili_export.local.stack.lifeline import end_with_parent

if __name__ == "__main__":
    end_with_parent()
    sys.exit(main())
