"""For loggers that were made before a test began to capture what is printed."""

import sys


class StandardOutput:
    """Writes to what standard output is at that moment."""

    def write(self, text: str) -> int:
        """Writes."""
        return sys.stdout.write(text)

    def flush(self) -> None:
        """Flushes."""
        sys.stdout.flush()
