"""The pages of an export as HTML: nothing on them comes from elsewhere, and no script runs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from kili_export.archives.gates import reason_of_hold
from kili_export.archives.loss_report.report_document import LossReport
from kili_export.reading.history import Generation
from kili_export.reading.published_export import PublishedExport
from kili_export.viewing.gallery import Gallery, GalleryPage, LabelCounts, Wanted
from kili_export.viewing.label_files import SUBSETS
from kili_export.viewing.markup import Markup, document, table, tag
from kili_export.viewing.pictures import Picture, Shape

_PLACES: Final = {
    "overview": "Overview",
    "pictures": "Pictures",
    "history": "History",
    "problems": "Problems",
}
_SHOWN_PROBLEMS: Final = 500
_GOLDEN_ANGLE: Final = 137
_UNKNOWN: Final = "-"


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows; `here` is the name of its place, empty for none of those in its head."""

    here: str
    body: tuple[object, ...]


def whole(export: PublishedExport, page: Page, home: str | None) -> Markup:
    """A page of an export as a document. `home` leads to the list of all exports, if any."""
    links = [
        tag("a", text, href=place, aria_current="page" if place == page.here else None)
        for place, text in _PLACES.items()
    ]
    if home is not None:
        links.insert(0, tag("a", "All exports", href=home))
    title = f"{export.name}, generation {export.generation}"
    return document(title, tag("nav", links, aria_label="Pages"), tag("main", page.body))


def overview(export: PublishedExport, counts: LabelCounts | None) -> Page:
    """What the export is, how fresh, and its classes."""
    age = _ago((datetime.now(UTC) - export.published_at).total_seconds())
    facts = {
        "Project": export.project_id,
        "Format": export.format,
        "Published": f"{export.published_at:%Y-%m-%d %H:%M:%S} UTC, {age} ago",
        "Assets": f"{export.counts.exported:,} of {export.counts.assets:,} with files",
        "Files": f"{export.counts.members:,}, {_bytes(export.counts.uncompressed_bytes)}",
        "In quarantine": f"{len(export.quarantined):,}",
        "Losses": f"{export.manifest.losses:,}",
    }
    ended = export.manifest.ended_at
    if ended is not None:
        facts["Ended"] = f"{ended:%Y-%m-%d %H:%M} UTC: it follows the project no more"
    latest = export.manifest.latest
    if latest is not None and latest.held:
        at = "not there yet" if latest.generation is None else f"at generation {latest.generation}"
        why = reason_of_hold(export.manifest)
        facts["Held back"] = f"latest.zip is {at}, since {latest.since:%Y-%m-%d %H:%M} UTC: {why}"
    rows = ((tag("dt", name), tag("dd", value)) for name, value in facts.items())
    if counts is None:
        classes: object = tag("p", tag("a", "Count the labels", href="overview?count=yes"))
    else:
        classes = _bars(export, counts)
    return Page("overview", (tag("dl", rows), tag("h2", "Classes"), classes))


def _bars(export: PublishedExport, counts: LabelCounts) -> Markup:
    """Classes with their numbers of objects in each subset, as bars."""
    subsets = sorted({subset for *_, subset in counts.shapes}, key=lambda one: one or "")
    totals: Counter[tuple[str, str]] = Counter()
    for (folder, label, _), number in counts.shapes.items():
        totals[folder, label] += number
    most = max(totals.values(), default=1)
    rows = [
        tag(
            "tr",
            tag("th", tag("a", label, href=query("pictures", label=label)), scope="row"),
            tag("td", folder),
            [tag("td", f"{counts.shapes[folder, label, subset]:,}") for subset in subsets],
            tag("td", _bar(total / most, _colour(export, label))),
        )
        for (folder, label), total in sorted(totals.items(), key=lambda one: (-one[1], one[0]))
    ]
    return table(("Class", counts.by, *(subset or "Objects" for subset in subsets), ""), rows)


def _bar(share: float, colour: str) -> Markup:
    bar = tag("rect", width=f"{100 * share:.1f}", height="10", fill=colour)
    return tag("svg", bar, class_="bar", viewBox="0 0 100 10", aria_hidden="true")


def pictures(gallery: Gallery, wanted: Wanted, shown: GalleryPage) -> Page:
    """The gallery, filtered."""
    export = gallery.export
    following = None
    if shown.following is not None:
        asked = _asked(wanted) | {"start": shown.following}
        following = tag("p", tag("a", "Next pictures", href=query("pictures", **asked), rel="next"))
    empty = None if shown.pictures else tag("p", "No picture among those that were looked at.")
    cards = [_card(export, picture) for picture in shown.pictures]
    filters = _filters(export, wanted, with_author=gallery.tells_authors)
    return Page("pictures", (filters, empty, tag("ul", cards, class_="cards"), following))


def _filters(export: PublishedExport, wanted: Wanted, *, with_author: bool) -> Markup:
    fields = [
        _field("Class ", "label", wanted.label, list="classes"),
        tag("label", "Subset ", _select("subset", SUBSETS, wanted.subset)),
        _field("Changed since generation ", "since", wanted.since, inputmode="numeric", size="6"),
    ]
    if with_author:
        fields.append(_field("Annotator ", "author", wanted.author))
    names = {
        name
        for entry in export.classes
        for name in (entry.key, entry.name, f"{entry.job}/{entry.key}")
    }
    options = (tag("option", "", value=name) for name in sorted(names))
    listed = tag("datalist", options, id="classes")
    return tag("form", fields, tag("button", "Show"), listed, action="pictures")


def _field(text: str, name: str, value: object, **more: object) -> Markup:
    shown = "" if value is None else value
    return tag("label", text, tag("input", name=name, value=shown, **more))


def _select(name: str, values: Iterable[str], chosen: str | None) -> Markup:
    options = [tag("option", "all", value="")]
    options += [
        tag("option", one, value=one, selected="selected" if one == chosen else None)
        for one in values
    ]
    return tag("select", options, name=name)


def _card(export: PublishedExport, picture: Picture) -> Markup:
    caption = (picture.name or picture.path, tag("br"), picture.asset_id or "")
    link = tag("a", _drawn(export, picture), href=query("asset", path=picture.path))
    return tag("li", tag("figure", link, tag("figcaption", caption)))


def _drawn(export: PublishedExport, picture: Picture) -> Markup:
    """A picture with its shapes over it."""
    source = picture.link
    if picture.medium is not None:
        source = query("picture", path=picture.medium)
    drawn = picture.shown.shapes
    names = ", ".join(sorted({shape.label for shape in drawn})) or "no shapes"
    image = (
        tag("img", src=source, alt=f"{picture.path}: {names}", loading="lazy") if source else None
    )
    shapes = tag(
        "svg",
        [_outline(export, shape) for shape in drawn],
        viewBox="0 0 1 1",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    return tag("span", image, shapes, class_="drawn" if source else "drawn bare")


def _outline(export: PublishedExport, shape: Shape) -> Markup:
    """A shape; an open line of one point is drawn as a dot."""
    end = "Z" if shape.is_closed else ""
    drawn = (
        f"M{' L'.join(f'{x:.5f},{y:.5f}' for x, y in (line if line[1:] else line * 2))}{end}"
        for line in shape.lines
        if line
    )
    colour = _colour(export, shape.label)
    is_dot = not any(line[1:] for line in shape.lines)
    return tag(
        "path",
        d="".join(drawn),
        stroke=colour,
        fill=colour if shape.is_closed else "none",
        class_="dot" if is_dot and shape.lines else None,
        vector_effect="non-scaling-stroke",
    )


def asset(
    export: PublishedExport,
    picture: Picture,
    before: Picture | None,
    snapshots: Mapping[str, PublishedExport],
) -> Page:
    """One asset, beside what it was in a snapshot."""
    choice = [
        tag("li", tag("a", name, href=query("asset", path=picture.path, before=name)))
        for name in snapshots
    ]
    compare = (tag("h2", "Compare with a snapshot"), tag("ul", choice)) if choice else None
    sides = [_side(export, "Now", picture)]
    if before is not None:
        sides.insert(0, _side(export, "Before", before))
    return Page("pictures", (tag("div", sides, class_="sides"), compare))


def _side(export: PublishedExport, title: str, picture: Picture) -> Markup:
    counted: dict[str, int] = {}
    for shape in picture.shown.shapes:
        counted[shape.label] = counted.get(shape.label, 0) + 1
    legend = [
        tag("li", _bar(1, _colour(export, label)), f" {label}: {number}")
        for label, number in sorted(counted.items())
    ]
    lines = (picture.name or picture.path, picture.asset_id, picture.shown.author)
    named = tag("p", [(line, tag("br")) for line in lines if line])
    return tag("section", tag("h2", title), _drawn(export, picture), named, tag("ul", legend))


def history(generations: Iterable[Generation]) -> Page:
    """The generations, the latest first."""
    names = (
        "Generation",
        "Published, UTC",
        "Files",
        "Added",
        "Changed",
        "Removed",
        "Delta",
        "Snapshot",
    )
    rows = [
        tag(
            "tr",
            tag("th", one.generation, scope="row"),
            tag("td", f"{one.published_at:%Y-%m-%d %H:%M:%S}" if one.published_at else _UNKNOWN),
            [
                tag("td", _UNKNOWN if number is None else f"{number:,}")
                for number in (one.files, one.added, one.changed, one.removed)
            ],
            tag("td", _UNKNOWN if one.bytes is None else _bytes(one.bytes)),
            tag("td", ", ".join(one.snapshots)),
        )
        for one in generations
    ]
    return Page("history", (table(names, rows),))


def problems(export: PublishedExport, report: LossReport | None) -> Page:
    """Assets in quarantine, and what the format could not hold. None: it is being written."""
    held = [
        tag("tr", tag("th", one.asset_id, scope="row"), tag("td", one.error))
        for one in export.quarantined[:_SHOWN_PROBLEMS]
    ]
    parts: list[object] = [tag("h2", "In quarantine")]
    parts.append(table(("Asset", "Error"), held) if held else tag("p", "No asset."))
    parts.append(_first_of(len(export.quarantined)))
    parts.append(tag("h2", "What the format could not hold"))
    if report is None:
        parts.append(tag("p", "The report is being written: come back in a while."))
    elif not report.reasons:
        parts.append(tag("p", "It holds everything."))
    else:
        reasons = [
            tag("tr", tag("th", times, scope="row"), tag("td", why))
            for why, times in report.reasons.items()
        ]
        lost = [
            tag(
                "tr",
                tag("th", one.external_id, scope="row"),
                tag("td", loss.where),
                tag("td", loss.reason),
            )
            for one in report.assets[:_SHOWN_PROBLEMS]
            for loss in one.losses
        ]
        first = _first_of(len(report.assets) + report.assets_left_out)
        parts += [table(("Times", "Why"), reasons), first, table(("Asset", "Where", "Why"), lost)]
    return Page("problems", tuple(parts))


def _first_of(assets: int) -> Markup | None:
    """Says so where a page shows the first assets alone."""
    if assets <= _SHOWN_PROBLEMS:
        return None
    return tag("p", f"These are the first {_SHOWN_PROBLEMS:,} of {assets:,} assets.")


def trouble(message: str) -> Page:
    """Why a page cannot be shown, with the way on."""
    again = tag("a", "Open what is current", href="overview")
    return Page("", (tag("p", message, role="alert"), tag("p", again)))


def _asked(wanted: Wanted) -> dict[str, object]:
    return {name: value for name, value in asdict(wanted).items() if value is not None}


def query(place: str, **asked: object) -> str:
    """An address below a place."""
    return f"{place}?{urlencode({name: str(value) for name, value in asked.items()})}"


def _colour(export: PublishedExport, label: str) -> str:
    """A colour of its own for each class, far from that of the next one."""
    for number, entry in enumerate(export.classes):
        if label in {entry.key, entry.name, f"{entry.job}/{entry.key}"}:
            return f"hsl({(number * _GOLDEN_ANGLE) % 360} 85% 50%)"
    return "hsl(0 0% 50%)"


def _ago(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} seconds"


def _bytes(count: int) -> str:
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
