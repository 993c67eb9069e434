"""Compares a corrected archive with what the SDK writes, shape by shape.

Files have other names there on purpose, so what is compared is what a picture's label holds. A
shape that needs no correction must be in ours as it is in the SDK's; one that does is explained by
the row of `docs/reference/compatibility.md` that corrects it, and nothing else may be there.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from devtools.parity.comparison import Files, Finding, Verdict
from devtools.parity.corrected_reading import Label, Picture, labels_of, media_names

_MOST_SHOWN = 2000
CORRECTED_ROWS = tuple(f"corrected {row}" for row in ("5", "6", "13", "30-32", "35", "43", "44"))
"""Rows that must show, each at least once."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A comparison of one project.

    By their ids, `externals` are the external ids of its assets and `sizes` width and height of
    their pictures in pixels, as far as they are known.
    """

    format: str
    externals: Mapping[str, str]
    sizes: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    is_video: bool = False
    with_media: bool = False

    def findings(self, ours: Files, theirs: Files) -> Iterator[Finding]:
        """A finding for each picture of either side, and for each picture without a file."""
        shared = {name for name, count in Counter(self._written()).items() if count > 1}
        mine = labels_of(ours, self.format, None)
        new = labels_of(theirs, self.format, self._ids())
        for picture in sorted(mine.keys() | new.keys(), key=str):
            yield self._finding(picture, mine.get(picture), new.get(picture), shared)
        if self.with_media:
            for path, name in media_names(ours, self.format):
                if name not in ours:
                    yield Finding(path, Verdict.DIFFERENT, f"its picture {name} is not there")

    def _finding(
        self, picture: Picture, mine: Label | None, new: Label | None, shared: set[str]
    ) -> Finding:
        path = f"{self.externals.get(picture.asset, picture.asset)} {picture.frame or ''}".rstrip()
        if picture.asset not in self.externals:
            return Finding(path, Verdict.DIFFERENT, "no asset of the project is called so")
        if written_as(self.format, self.externals[picture.asset]) in shared:
            return Finding(path, Verdict.DIFFERENT, row="corrected 30-32")
        if mine is None or new is None:
            return self._alone(path, picture, mine, new)
        if mine.shapes == new.shapes:
            return Finding(path, Verdict.EQUAL)
        row = mine.explains(new, self.sizes.get(picture.asset))
        if row:
            return Finding(path, Verdict.DIFFERENT, row=f"corrected {row}")
        if self._has_no_annotations(new):
            return Finding(path, Verdict.DIFFERENT, row="corrected 5")
        apart = f"ours {mine.shapes - new.shapes}, theirs {new.shapes - mine.shapes}"
        return Finding(path, Verdict.DIFFERENT, apart[:_MOST_SHOWN])

    def _alone(self, path: str, picture: Picture, mine: Label | None, new: Label | None) -> Finding:
        """A picture of one side: frames are written that the SDK loses, and no empty ones."""
        if picture.frame is not None and self.format.startswith("yolo") and new is None:
            return Finding(path, Verdict.ONLY_OURS, row="corrected 6")
        if self.is_video and new is not None and not new.shapes:
            return Finding(path, Verdict.ONLY_THEIRS, row="corrected 35")
        return Finding(path, Verdict.ONLY_OURS if mine else Verdict.ONLY_THEIRS)

    def _has_no_annotations(self, new: Label) -> bool:
        return self.is_video and self.format == "coco" and not new.shapes

    def _ids(self) -> dict[str, str]:
        """Frames bear the whole external id."""
        whole = {external: asset for asset, external in self.externals.items()}
        written = {
            written_as(self.format, external): asset for asset, external in self.externals.items()
        }
        return {**whole, **written}

    def _written(self) -> list[str]:
        return [written_as(self.format, external) for external in self.externals.values()]


def written_as(format_name: str, external_id: str) -> str:
    """The name under which the SDK writes an asset's label, without folder and ending."""
    if format_name in ("kili", "raw"):
        return external_id.replace(" ", "_")
    if not format_name.startswith("yolo"):
        return external_id
    stem, dot, extension = external_id.rpartition(".")
    known = extension in {"jpeg", "jpg", "png", "bmp", "gif", "webp", "ico"}
    return stem if dot and known and not stem.endswith("/") and stem else external_id
