"""The files that an increment is built upon, as far as it looks at them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from kili_export.archives.files_table import PublishedFiles, StoredFile
from kili_export.splicing.upload_parts import CopyRange, Source
from kili_export.storage.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class BaseFiles:
    """Files that are published, looked up many at once (`expect`) and then one by one."""

    objects: ObjectStore
    published: PublishedFiles
    _found: dict[str, StoredFile | None] = field(default_factory=dict)

    def expect(self, paths: Iterable[str]) -> None:
        """Looks up what will be asked for."""
        wanted = {path for path in paths if path not in self._found}
        if wanted:
            self._found.update({**dict.fromkeys(wanted), **self.published.find(wanted)})

    def find(self, path: str) -> StoredFile | None:
        """The file, None where there is none."""
        self.expect([path])
        return self._found[path]

    def __contains__(self, path: str) -> bool:
        return self.find(path) is not None

    def source(self, file: StoredFile) -> Source:
        """The object that a file stands in. Raises IntegrityError when there is none."""
        return self.published.source(file)

    def pieces(self, file: StoredFile, start: int, length: int) -> list[CopyRange]:
        """Some bytes of the object that a file stands in."""
        return [CopyRange(self.source(file), start, length)]

    def payload(self, file: StoredFile) -> bytes:
        """The contents of a file as they are stored."""
        source, record = self.source(file), file.record
        return self.objects.get_range(
            source.key, record.payload_start, record.compressed_size, if_match=source.etag
        )
