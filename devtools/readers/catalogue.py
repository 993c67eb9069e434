"""Every reader, in the order of the table's rows."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from devtools.readers.listing import Listing, printed_listing
from devtools.readers.processes import run
from devtools.readers.python_readers import forwards, with_zipfile
from devtools.readers.reader import (
    ARCHIVE,
    SCRIPTS,
    NameLimit,
    Needs,
    Read,
    Reader,
    extracting,
    printing,
)
from devtools.readers.s3_reader import with_fsspec_over_s3
from devtools.readers.workspace import NODE_MODULES, PYTHON, compiled

_LONGEST_OF_MINIZIP: Final = 255
_DEBIAN_PYTHON: Final = "/usr/bin/python3"
_LOADS_ZZIPLIB: Final = "import ctypes; ctypes.CDLL('libzzip-0.so.13')"
_NODE: Final = Needs(("node", "npm"), ("nodejs", "npm"))
_JAVA: Final = Needs(
    ("java", "javac", "jar"), ("default-jdk-headless",), version=("java", "--version")
)


def _has_mark(name: str) -> bool:
    return ":" in name or "\ufeff" in name


def _is_long(name: str) -> bool:
    return len(name.encode()) > _LONGEST_OF_MINIZIP


def _advzip(archive: Path, folder: Path) -> Listing:
    """It writes no files: advzip repacks a copy, whose files are those that it has read."""
    copy = folder / "copy.zip"
    copy.write_bytes(archive.read_bytes())
    run(("advzip", "--recompress", "--shrink-store", "--quiet", copy))
    return with_zipfile(copy, folder)


def _go(archive: Path, folder: Path) -> Listing:
    del folder
    command = ("go", "build", "-o", "{target}", "{source}")
    return printed_listing(run((compiled("list_zip.go", "list-zip-go", command), archive)))


def _mono(archive: Path, folder: Path) -> Listing:
    del folder
    libraries = ("System.IO.Compression.dll", "System.IO.Compression.FileSystem.dll")
    references = (f"-reference:{library}" for library in libraries)
    command = ("mcs", "-out:{target}", *references, "{source}")
    return printed_listing(run(("mono", compiled("ListZip.cs", "ListZip.exe", command), archive)))


def _java(mode: str) -> Read:
    def read(archive: Path, folder: Path) -> Listing:
        del folder
        command = ("javac", "-d", "{folder}", "{source}")
        classes = compiled("ListZip.java", "ListZip.class", command).parent
        return printed_listing(run(("java", "-cp", classes, "ListZip", mode, archive)))

    return read


def _node(name: str, package: str, script: str) -> Reader:
    command = ("node", SCRIPTS / "node" / f"{script}.cjs", ARCHIVE)
    read = printing(*command, environment={"NODE_PATH": str(NODE_MODULES)})
    needs = Needs(_NODE.programs, _NODE.debian, npm=(package,))
    return Reader(f"Node {name}", read, needs, quick=True)


def _pypi(name: str, script: str, *packages: str) -> Reader:
    return Reader(name, printing(PYTHON, SCRIPTS / script, ARCHIVE), Needs(pypi=packages))


def _programs() -> Sequence[Reader]:
    return (
        Reader(
            "Info-ZIP unzip",
            extracting("unzip", "-qq", "-o", ARCHIVE),
            Needs(("unzip",), ("unzip",)),
            quick=True,
        ),
        Reader(
            "BusyBox unzip",
            extracting("busybox", "unzip", "-q", "-o", ARCHIVE),
            Needs(("busybox",), ("busybox",)),
            quick=True,
        ),
        Reader(
            "bsdtar",
            extracting("bsdtar", "-xf", ARCHIVE),
            Needs(("bsdtar",), ("libarchive-tools",)),
            quick=True,
            composes_names=True,
        ),
        Reader(
            "bsdtar from a pipe",
            extracting("sh", "-c", 'cat "$1" | bsdtar -xf -', "sh", ARCHIVE),
            Needs(("bsdtar",), ("libarchive-tools",)),
            quick=True,
            composes_names=True,
        ),
        Reader(
            "7z",
            extracting("7z", "x", "-bso0", "-bsp0", "-y", ARCHIVE),
            Needs(("7z",), ("p7zip-full",)),
            quick=True,
        ),
        Reader(
            "unar",
            extracting("unar", "-quiet", "-force-overwrite", "-no-directory", ARCHIVE),
            Needs(("unar",), ("unar",)),
            quick=True,
            names=NameLimit(_has_mark, "it leaves drive letters and byte order marks out of names"),
        ),
        Reader(
            "minizip",
            extracting("miniunzip", "-x", "-o", ARCHIVE),
            Needs(("miniunzip",), ("minizip",)),
            quick=True,
            names=NameLimit(_is_long, "it cuts names off after 255 bytes"),
        ),
        Reader(
            "zziplib",
            printing(sys.executable, SCRIPTS / "zziplib.py", ARCHIVE),
            Needs((), ("libzzip-0-13",), (sys.executable, "-c", _LOADS_ZZIPLIB)),
            quick=True,
        ),
        Reader("advzip", _advzip, Needs(("advzip",), ("advancecomp",)), quick=True),
        Reader(
            "fastjar",
            extracting("fastjar", "xf", ARCHIVE),
            Needs(("fastjar",), ("fastjar",)),
            quick=True,
        ),
    )


def _languages() -> Sequence[Reader]:
    return (
        Reader("Python zipfile", with_zipfile, quick=True),
        Reader(
            "Python zipimport",
            printing(sys.executable, SCRIPTS / "python_zipimport.py", ARCHIVE),
            quick=True,
        ),
        Reader("forward reader", forwards, quick=True),
        _pypi("Python stream-unzip", "stream_unzip_pypi.py", "stream-unzip"),
        Reader(
            "Perl Archive::Zip",
            printing("perl", SCRIPTS / "archive_zip.pl", ARCHIVE),
            Needs(
                ("perl",), ("libarchive-zip-perl", "perl"), ("perl", "-MArchive::Zip", "-e", "1")
            ),
            quick=True,
        ),
        Reader(
            "Perl IO::Uncompress",
            printing("perl", SCRIPTS / "io_uncompress.pl", ARCHIVE),
            Needs(("perl",), ("perl",), ("perl", "-MIO::Uncompress::Unzip", "-e", "1")),
            quick=True,
        ),
        Reader("Java ZipFile", _java("file"), _JAVA, quick=True),
        Reader("Java ZipInputStream", _java("stream"), _JAVA, quick=True),
        Reader(
            "jar",
            extracting("jar", "xf", ARCHIVE),
            _JAVA,
            quick=True,
        ),
        Reader("Go archive/zip", _go, Needs(("go",), ("golang-go",))),
        Reader(
            ".NET ZipFile (Mono)",
            _mono,
            Needs(
                ("mono", "mcs"),
                (
                    "mono-runtime",
                    "mono-mcs",
                    "libmono-system-io-compression4.0-cil",
                    "libmono-system-io-compression-filesystem4.0-cil",
                ),
            ),
        ),
        Reader(
            "PHP ZipArchive",
            printing("php", SCRIPTS / "list_zip.php", ARCHIVE),
            Needs(
                ("php",),
                ("php-zip", "php-cli"),
                ("php", "-r", "exit(class_exists('ZipArchive') ? 0 : 1);"),
            ),
        ),
        Reader(
            "Ruby rubyzip",
            printing("ruby", SCRIPTS / "list_zip.rb", ARCHIVE),
            Needs(("ruby",), ("ruby-zip", "ruby"), ("ruby", "-rzip", "-e", "")),
        ),
        Reader(
            "R unzip",
            extracting("Rscript", "--vanilla", SCRIPTS / "unzip.R", ARCHIVE),
            Needs(("Rscript",), ("r-base-core",)),
        ),
    )


def _libraries() -> Sequence[Reader]:
    return (
        _node("yauzl", "yauzl", "yauzl"),
        _node("adm-zip", "adm-zip", "adm-zip"),
        _node("jszip", "jszip", "jszip"),
        _node("fflate unzipSync", "fflate", "fflate-unzip-sync"),
        _node("fflate Unzip", "fflate", "fflate-stream"),
        _node("unzipper Open", "unzipper", "unzipper-open"),
        _node("unzipper Parse", "unzipper", "unzipper-stream"),
        _node("zip.js", "@zip.js/zip.js", "zip-js"),
        _node("node-stream-zip", "node-stream-zip", "node-stream-zip"),
        Reader(
            "GDAL /vsizip/",
            printing(_DEBIAN_PYTHON, SCRIPTS / "gdal_vsizip.py", ARCHIVE),
            Needs(
                (_DEBIAN_PYTHON,),
                ("python3-gdal",),
                (_DEBIAN_PYTHON, "-c", "from osgeo import gdal"),
            ),
        ),
        Reader("fsspec zip:// on S3", with_fsspec_over_s3, Needs(pypi=("fsspec", "s3fs"))),
        _pypi("DuckDB (fsspec zip://)", "duckdb_zip.py", "duckdb", "fsspec"),
    )


READERS: Final = (*_programs(), *_languages(), *_libraries())
