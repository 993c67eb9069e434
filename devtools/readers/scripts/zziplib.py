"""Prints SHA-256, size and name of every file that zziplib finds.

The library itself is asked: its program `unzzip` makes folders of the files in folders.
"""

import ctypes
import hashlib
import sys

_LIBRARY = "libzzip-0.so.13"
_CHUNK = 1 << 20


class _Entry(ctypes.Structure):
    """`ZZIP_DIRENT` of the library."""

    _fields_ = (
        ("compression", ctypes.c_int),
        ("compressed_size", ctypes.c_int),
        ("size", ctypes.c_int),
        ("name", ctypes.c_char_p),
    )


def main(archive: str) -> None:
    """Lists the archive."""
    library = _library()
    error = ctypes.c_int(0)
    folder = library.zzip_dir_open(archive.encode(), ctypes.byref(error))
    if not folder:
        raise SystemExit(f"zzip_dir_open answers {error.value}")
    entry = _Entry()
    chunk = ctypes.create_string_buffer(_CHUNK)
    while library.zzip_dir_read(folder, ctypes.byref(entry)):
        file = library.zzip_file_open(folder, entry.name, 0)
        if not file:
            raise SystemExit(f"{entry.name!r} cannot be opened")
        digest, size = hashlib.sha256(), 0
        while (read := library.zzip_file_read(file, chunk, _CHUNK)) > 0:
            digest.update(chunk.raw[:read])
            size += read
        if read < 0:
            raise SystemExit(f"{entry.name!r} cannot be read")
        library.zzip_file_close(file)
        line = b"%s %d %s\n" % (digest.hexdigest().encode(), size, entry.name)
        sys.stdout.buffer.write(line)


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(_LIBRARY)
    pointer = ctypes.c_void_p
    library.zzip_dir_open.restype = pointer
    library.zzip_dir_read.argtypes = (pointer, pointer)
    library.zzip_file_open.restype = pointer
    library.zzip_file_open.argtypes = (pointer, ctypes.c_char_p, ctypes.c_int)
    library.zzip_file_read.argtypes = (pointer, pointer, ctypes.c_size_t)
    library.zzip_file_read.restype = ctypes.c_ssize_t
    library.zzip_file_close.argtypes = (pointer,)
    return library


main(sys.argv[1])
