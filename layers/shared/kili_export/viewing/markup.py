"""HTML that is put together from parts, with every text in it escaped."""

from collections.abc import Iterable
from html import escape
from typing import Final

_EMPTY: Final = frozenset({"img", "input", "link", "meta", "br"})


class Markup(str):
    """Text that is HTML already. Only `tag` and `joined` make it."""

    __slots__ = ()


def tag(name: str, /, *parts: object, **attributes: object) -> Markup:
    """An element. Parts that are no Markup are texts, or lists of parts; None is left out.

    Attributes are escaped, and left out when they are None; `class_` is `class`, `_` is `-`.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    opened = f"<{name}{given}>"
    return Markup(opened if name in _EMPTY else f"{opened}{joined(parts)}</{name}>")


def joined(part: object) -> Markup:
    """Parts one after another, each escaped unless it is Markup."""
    if part is None:
        return Markup("")
    if isinstance(part, Markup):
        return part
    if isinstance(part, Iterable) and not isinstance(part, str):
        return Markup("".join(map(joined, part)))
    return Markup(escape(str(part)))


def document(title: str, *content: object) -> Markup:
    """A whole document."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("link", rel="stylesheet", href="style.css"),
    )
    body = tag("body", tag("h1", title), content)
    return Markup("<!doctype html>" + tag("html", head, body, lang="en"))


def table(names: Iterable[str], rows: list[Markup]) -> Markup:
    """Rows below the names of their columns."""
    head = tag("tr", [tag("th", name, scope="col") for name in names])
    table = tag("table", tag("thead", head), tag("tbody", rows))
    return tag("div", table, class_="wide", tabindex="0", role="region", aria_label="Table")
