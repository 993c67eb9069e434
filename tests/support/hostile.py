"""What nobody means well: names, numbers and nestings that tests of every part share.

Each list is what an attacker or an accident was seen to try; the strategies mix them with chance.
"""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

NAMES: Sequence[str] = (
    # out of the folder
    "../escaped.jpg", "../../../../tmp/escaped.jpg", "/absolute.jpg", "//server/share.jpg",
    "..\\escaped.jpg", "C:\\windows\\x.jpg", "a/../../escaped.jpg", "./././a.jpg", "~/escaped.jpg",
    "..", ".", "/", "", "....//escaped.jpg", "file:///etc/passwd", "%2e%2e%2fescaped.jpg",
    # what cannot be written, or ends a text elsewhere
    "nul\x00byte.jpg", "line\nbreak.jpg", "return\r\n.jpg", "tab\t.jpg", "bell\x07.jpg",
    "escape\x1b[31m.jpg", "delete\x7f.jpg", "next line\x85.jpg", "surrogate\ud800.jpg",
    # what Windows keeps for itself or drops
    "CON", "nul.txt", "com1.jpg", "LPT9.jpg", "aux/aux.jpg", "trailing dot.", "trailing space ",
    "colon:stream.jpg", "star*?.jpg", 'quote".jpg', "<angle>.jpg", "pipe|.jpg",
    # too long
    "x" * 10_000, "é" * 5_000 + ".jpg", "deep/" * 3_000 + "leaf.jpg", "y" * 255 + ".jpg",
    # what is read in another direction, or not at all
    "\u202egpj.exe", "left\u200eright\u200f.jpg", "zero\u200bwidth.jpg", "\ufeffmark.jpg",
    "\u2066isolated\u2069.jpg", "combining" + "\u0301" * 200 + ".jpg",
    # formula cells
    "=cmd|' /C calc'!A0.jpg", "+1+1.jpg", "-2+3.jpg", "@SUM(1).jpg", "=HYPERLINK(\"x\").jpg",
    # breakers of YAML, XML, JSON and line formats
    "yaml: [x", "- item", "&anchor", "*alias", "!!python/object", "{a: b}", "# comment", "---",
    "null", "yes", "1.0", "0x1F", "<!DOCTYPE x>", "]]>", "&lt;&amp;&#0;", "</annotation>",
    '","injected":"', "a,b;c\td.jpg", "' OR 1=1 --", "$(touch x)", "`id`", "${HOME}", "-rf",
    # collisions by case, normal form or ending
    "same.jpg", "SAME.jpg", "same.png", "Same.JPG", "caf\u00e9.jpg", "cafe\u0301.jpg", "same .jpg",
    "\ufb01le.jpg", "file.jpg", "\u017fame.jpg", "Kelvin\u212a.jpg", "KelvinK.jpg",
    # what this system calls its own
    "README.kili.txt", "data.json", "labels.json", "data.yaml", "manifest.json", "delta.json",
    ".kili-export/state.json", "PK\x03\x04", "PK\x05\x06",
)  # fmt: skip

NUMBERS: Sequence[Any] = (
    float("nan"), float("inf"), float("-inf"), 1e308, -1e308, 5e-324, -0.0, 10**400, -(10**400),
    2**53 + 1, True, "0.5", "1e3", "NaN", None, [], {},
)  # fmt: skip


def nested(depth: int, inner: Any = 1) -> Any:
    """A value below so many lists."""
    for _ in range(depth):
        inner = [inner]
    return inner


names = st.one_of(
    st.sampled_from(NAMES),
    st.text(st.characters(), max_size=60),
    st.lists(st.sampled_from(NAMES), min_size=2, max_size=4).map("/".join),
    st.lists(st.sampled_from(["..", "/", "\\", "\x00", "\n", "a", ".", " "]), max_size=20).map(
        "".join
    ),
)
"""Names from the list, from chance, and from pieces of both."""

numbers = st.one_of(st.sampled_from(NUMBERS), st.floats(), st.integers())
"""What may stand where a coordinate should."""
