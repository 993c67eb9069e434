"""Texts in HTML are escaped, whatever they are."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from kili_export.viewing.markup import joined, tag


def test_parts_and_attributes() -> None:
    made = tag("p", "a<b", [tag("br"), None, 3], class_="x", aria_label='"q"', title=None)
    assert made == '<p class="x" aria-label="&quot;q&quot;">a&lt;b<br>3</p>'
    assert joined(["<", tag("b", ">")]) == "&lt;<b>&gt;</b>"


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1))
def test_a_parser_finds_the_text_and_nothing_else(text: str) -> None:
    parser = _Parser()
    parser.feed(tag("p", text, title=text))
    parser.close()
    assert (parser.elements, parser.text) == ([("p", [("title", text)])], text)
