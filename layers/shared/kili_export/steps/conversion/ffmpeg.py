"""Cuts videos into frames with ffmpeg, which comes as a layer of its own.

ffmpeg reads the video where it lies in an open file and writes pictures into a pipe, so that no
second copy takes room. The video is a stranger's: only containers that hold their streams
themselves are opened, no playlists, nothing is read but that part of that file, and ffmpeg gets
none of our environment.
"""

import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from threading import Timer
from typing import IO, Final, Protocol

from kili_export.core.errors import RequestRefused
from kili_export.core.media import FrameCut

_CONTAINERS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,flv,asf,ogg"
_PICTURE_BEGINS, _PICTURE_ENDS = b"\xff\xd8", b"\xff\xd9"
_CHUNK: Final = 1 << 18
_LARGEST_PICTURE: Final = 64 << 20
_LONGEST_SECONDS: Final = 40.0
_OPEN_FILES: Final = Path("/proc/self/fd")


class Ffmpeg:
    """Implements FrameCutter. Needs ffmpeg 5.1 or newer, and Linux."""

    def __init__(self, program: str, seconds: float = _LONGEST_SECONDS) -> None:
        self._program = program
        self._seconds = seconds

    def is_there(self) -> bool:
        """See FrameCutter."""
        return Path(self._program).is_file() and _OPEN_FILES.is_dir()

    def cut(
        self, file: IO[bytes], start: int, size: int, cut: FrameCut
    ) -> Generator[bytes, None, None]:
        """See FrameCutter."""
        file.flush()
        number = file.fileno()
        source = f"subfile,,start,{start},end,{start + size},,:{_OPEN_FILES}/{number}"
        with subprocess.Popen(  # noqa: S603 - a program that is configured, and no shell
            [self._program, *_arguments(source, cut)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(number,),
            env={},
        ) as process:
            limit = Timer(self._seconds, process.kill)
            limit.start()
            try:
                if process.stdout is not None:
                    yield from _pictures(process.stdout)
                status = process.wait()
            finally:
                limit.cancel()
                process.kill()
        if status:
            raise RequestRefused(f"ffmpeg cannot cut it, or not within {self._seconds:.0f} seconds")


def _arguments(source: str, cut: FrameCut) -> list[str]:
    # Frames as they are decoded, or as many a second as the video was imported with.
    paced = ["-fps_mode", "passthrough"]
    if cut.rate is not None:
        paced = ["-vf", f"fps=fps={cut.rate}:round=up", "-fps_mode", "cfr"]
    return [
        *("-nostdin", "-hide_banner", "-loglevel", "error"),
        *("-format_whitelist", _CONTAINERS, "-protocol_whitelist", "subfile,file"),
        *("-i", source, "-an", *paced, "-qscale:v", "1", "-c:v", "mjpeg"),
        *("-f", "image2pipe", "pipe:1"),
    ]


def _pictures(stream: IO[bytes]) -> Iterator[bytes]:
    """The JPEG files that follow each other in a stream."""
    held = b""
    while chunk := stream.read(_CHUNK):
        *whole, held = (held + chunk).split(_PICTURE_ENDS + _PICTURE_BEGINS)
        for number, picture in enumerate(whole):
            begins = picture.startswith(_PICTURE_BEGINS) and number == 0
            yield (b"" if begins else _PICTURE_BEGINS) + picture + _PICTURE_ENDS
        if whole:
            held = _PICTURE_BEGINS + held
        if len(held) > _LARGEST_PICTURE:
            raise RequestRefused(f"a frame has more than {_LARGEST_PICTURE} bytes")
    if held:
        yield held


class FrameCutter(Protocol):
    """Cuts videos into frames."""

    def is_there(self) -> bool:
        """Whether anything can be cut."""

    def cut(
        self, file: IO[bytes], start: int, size: int, cut: FrameCut
    ) -> Generator[bytes, None, None]:
        """The frames of the video in a part of a file, each as a JPEG, in their order.

        What is written behind that part meanwhile does not matter. Raises RequestRefused when
        the video cannot be cut.
        """


class NoCutter:
    """A FrameCutter where nothing can be cut."""

    def is_there(self) -> bool:
        """See FrameCutter."""
        return False

    def cut(
        self, file: IO[bytes], start: int, size: int, cut: FrameCut
    ) -> Generator[bytes, None, None]:
        """See FrameCutter."""
        del file, start, size, cut
        raise RequestRefused("there is no ffmpeg")
