"""The machine's clock and randomness."""

import secrets
import time
from datetime import UTC, datetime


class SystemClock:
    """The present."""

    def now(self) -> datetime:
        """The present, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)


class SystemRandom:
    """The operating system's randomness."""

    def token(self) -> str:
        """Sixteen hexadecimal digits that nobody else has."""
        return secrets.token_hex(8)
