"""An export as a file system of fsspec, which pandas, DuckDB and others read without unpacking.

Needs the extra `[fsspec]`. fsspec finds it by the protocol `kili-export`.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import Any, BinaryIO, ClassVar, Final

from fsspec.spec import AbstractFileSystem

from kili_export.api import Export
from kili_export.core.errors import NoSuchFile
from kili_export.reading.published_files import PublishedFile

PROTOCOL: Final = "kili-export"
_ADDRESS: Final = re.compile(r"^[^/]+/exports/[^/]+/[^/]+(?=/|$)")
"""A bucket, `exports`, a project and an export."""
_AFTER_FOLDER: Final = "0"
"""What comes after the slash."""


class ExportFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """One generation of an export, for reading.

    `address` and the other arguments are those of `kili_export.Export`; `snapshot` names one.
    Paths are those of the files, or `kili-export://BUCKET/exports/PROJECT/EXPORT/PATH`.
    """

    protocol: ClassVar[str] = PROTOCOL
    root_marker: ClassVar[str] = ""

    def __init__(self, address: str, snapshot: str | None = None, **options: Any) -> None:
        """Reads nothing yet. `options` are those of `Export`, and fsspec's own."""
        access = {name: options.pop(name, None) for name in ("endpoint_url", "profile", "region")}
        super().__init__(**options)
        self._address, self._snapshot, self._access = address, snapshot, access

    @cached_property
    def export(self) -> Export:
        """The generation that is read: what is current when this is first asked for."""
        export = Export(self._address, **self._access)
        return export.at(self._snapshot) if self._snapshot else export

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        beginning = f"{PROTOCOL}://"
        if path.startswith(beginning):
            # Some, like DuckDB, set the protocol before the paths that a file system gave them.
            path = _ADDRESS.sub("", path.removeprefix(beginning))
        return path.strip("/")

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        found = _ADDRESS.match(path.removeprefix(f"{PROTOCOL}://"))
        return {"address": f"s3://{found[0]}"} if found else {}

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """What is in a folder, by name. Raises NoSuchFile."""
        folder = self._strip_protocol(path)
        found = list(self._within(f"{folder}/" if folder else ""))
        if not found:
            found = [_described(self.export.find(folder))]
        return found if detail else [one["name"] for one in found]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """A file or a folder. Raises NoSuchFile."""
        name = self._strip_protocol(path)
        try:
            return _described(self.export.find(name))
        except NoSuchFile:
            prefix = f"{name}/" if name else ""
            if next(self.export.scan(prefix), None) is None:
                raise
            return _folder(name)

    def modified(self, path: str) -> datetime:
        """The date of a file, in UTC."""
        return self.export.find(self._strip_protocol(path)).modified

    def ukey(self, path: str) -> str:
        """What differs when the contents do."""
        return str(self.info(path)["digest"])

    def _open(self, path: str, mode: str = "rb", **_: Any) -> BinaryIO:
        if mode != "rb":
            raise NotImplementedError("An export is for reading.")
        return self.export.open(path)

    def _within(self, prefix: str) -> Iterator[dict[str, Any]]:
        """The files and folders right below, without walking through the folders."""
        start = prefix
        while True:
            for file in self.export.scan(prefix, start):
                name, slash, _ = file.path.removeprefix(prefix).partition("/")
                if slash:
                    yield _folder(prefix + name)
                    start = prefix + name + _AFTER_FOLDER
                    break
                yield _described(file)
            else:
                return

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process reads the same generation."""
        return _again, (self.storage_options, self.storage_args, self.export)


def _again(options: Any, arguments: Any, export: Export) -> ExportFileSystem:
    system = ExportFileSystem(*arguments, **options, skip_instance_cache=True)
    system.__dict__["export"] = export
    return system


def _described(file: PublishedFile) -> dict[str, Any]:
    return {
        "name": file.path,
        "size": file.size,
        "type": "file",
        "asset_id": file.asset_id,
        "mtime": file.modified,
        "digest": file.digest or f"{file.size}-{file.record.crc32:08x}",
    }


def _folder(name: str) -> dict[str, Any]:
    return {"name": name, "size": 0, "type": "directory"}
