r"""Names of archive members that are safe wherever the archive is unpacked.

An external id is what a customer named an asset, and it is used as a path: `a/b.jpg` becomes a
file in a folder. It is also input that nobody has checked. What is changed, and only that:

- `\` becomes `/`; empty parts, `.`, `..` and a leading `/` are dropped, so no name leaves its
  folder; when nothing is left, the name is `_`.
- Control characters and unpaired surrogates become `_`.
- A device name of Windows (`CON`, `nul.jpg`) gets a leading `_`, and dots or spaces at the end of
  a part become `_`, because Windows would write to the device or drop them silently.
- A part of more than 255 bytes in UTF-8, and folders of more than 2,000 bytes together, are cut
  and marked with a hash of what they were; the extension is kept.

Everything else stays as it is, spaces, Unicode and case included. So do the characters
`< > : " | ? *`, which only Windows refuses and which its unpackers replace: times such as
`12:30:05.jpg` are ordinary names elsewhere.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator

OWN_FOLDER = ".kili-export"
"""The own place of a folder that follows an export, beside the files of the export."""
_RESERVED = (
    OWN_FOLDER,
    "readme.kili.txt",
    "delta.json",
    "remote_assets.csv",
    "images/remote_assets.csv",
)
"""What stands beside the folders that are called after jobs, in an archive, delta or folder."""
_LONGEST_PART = 255
_LONGEST_FOLDERS = 2000
_LONGEST_EXTENSION = 24
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_DEVICES = r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)"
_DEVICE = re.compile(rf"{_DEVICES}(?![^.])", re.IGNORECASE)
_TRAILING = re.compile(r"[. ]+$")
# Most names need nothing at all; this recognises them at once, in folders or not.
_PART = rf"(?!(?i:{_DEVICES})(?![^./]))[A-Za-z0-9_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*"
_ORDINARY = re.compile(f"{_PART}(?:/{_PART})*")


def safe_path(external_id: str) -> str:
    """The relative path that stands for an external id. Never empty; safe paths are unchanged."""
    if len(external_id) < 200 and _ORDINARY.fullmatch(external_id):
        return external_id
    text = _UNWRITABLE.sub("_", external_id).replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".", "..")]
    if not parts:
        return "_"
    *folders, last = [_shortened(_without_device(_without_trailing(part))) for part in parts]
    folder = "/".join(folders)
    if len(folder.encode()) > _LONGEST_FOLDERS:
        folder = "_" + _digest(folder)
    return f"{folder}/{last}" if folder else last


def job_folder(job: str) -> str:
    """The folder that is called after a job: a safe path, and none that something else has.

    File systems that fold case take a reserved name for one in whatever case it is written.
    """
    folder = safe_path(job)
    folded = folder.casefold()
    if any(f"{folded}/".startswith(f"{name}/") for name in _RESERVED):
        return f"_{folder}"
    return folder


def folded(path: str) -> str:
    """The same for all paths that a file system may take for one: by case or by normal form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def member_path(folder: str, name: str) -> str:
    """`folder/name`, the last part shortened where a suffix made it too long.

    `name` is a safe path with perhaps a suffix behind it; `folder` is safe, or empty.
    """
    head, slash, last = name.rpartition("/")
    inner = f"{head}{slash}{_shortened(last)}"
    return f"{folder}/{inner}" if folder else inner


def _without_device(part: str) -> str:
    return f"_{part}" if _DEVICE.match(part) else part


def _without_trailing(part: str) -> str:
    return _TRAILING.sub(lambda match: "_" * len(match[0]), part)


def _shortened(part: str) -> str:
    if len(part) <= _LONGEST_PART // 4 or len(part.encode()) <= _LONGEST_PART:
        return part
    stem, dot, extension = part.rpartition(".")
    ending = dot + extension
    if not stem or len(ending.encode()) > _LONGEST_EXTENSION:
        ending = ""
    mark = f"~{_digest(part)}{ending}"
    room = _LONGEST_PART - len(mark.encode())
    return part.encode()[:room].decode("utf-8", "ignore") + mark


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def folders_of(path: str) -> Iterator[str]:
    """All folders that a file is in, the outermost first."""
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)


def named_like_folders(names: Iterable[bytes]) -> Iterator[bytes]:
    """Those of the names that others are below, each once, in no order. The names ascend."""
    begun: list[bytes] = []
    given: set[bytes] = set()
    for name in names:
        while begun and not name.startswith(begun[-1]):
            given.discard(begun.pop())
        # What `name` is below, beside the last one, the last one is below as well.
        if begun and name[len(begun[-1]) :].startswith(b"/") and begun[-1] not in given:
            given.add(begun[-1])
            yield begun[-1]
        if not begun or begun[-1] != name:
            begun.append(name)
