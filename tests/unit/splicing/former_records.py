"""Directory records in the form of version 0.1: every offset in a ZIP64 field."""

import struct

from kili_export.splicing.entry_record import Record

MARK = 0xFFFF_FFFF


def former_record(record: Record) -> bytes:
    """A record as version 0.1 wrote it."""
    name, owner = record.path.encode(), record.owner.encode()
    sizes = (record.compressed_size, record.size)
    numbers: tuple[int, ...] = (record.offset,)
    if max(sizes) >= MARK:
        sizes, numbers = (MARK, MARK), (record.size, record.compressed_size, record.offset)
    extra = struct.pack("<HH", 0x6C4B, len(owner)) + owner if owner else b""
    extra += struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers)
    head = struct.pack(
        "<4s6H3I5H2I", b"PK\x01\x02", 0x032D, 45, 0x0800, record.method, 0, 0x21, record.crc32,
        *sizes, len(name), len(extra), 0, 0, 0, 0o100644 << 16, MARK,
    )  # fmt: skip
    return head + name + extra


def former_directory(records: list[Record]) -> bytes:
    """A directory as version 0.1 wrote it."""
    return b"".join(map(former_record, sorted(records, key=lambda one: one.path.encode())))
