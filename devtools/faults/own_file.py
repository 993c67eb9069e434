"""A temporary file that branches of a process do not share."""

import os
from io import BytesIO


class OwnFile(BytesIO):
    """In memory: of a real one, processes that branched would also share how far it was read."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[int] = []

    def fileno(self) -> int:
        """A file with what is written so far, to be mapped."""
        shown = os.memfd_create("spool")
        self._shown.append(shown)
        os.write(shown, self.getvalue())
        return shown

    def close(self) -> None:
        """Forgets it."""
        while self._shown:
            os.close(self._shown.pop())
        super().close()
