"""Generated blocks replace what stands between their comments, and nothing else."""

import pytest

from devtools.docs.markdown import table
from devtools.docs.pages import UnknownBlock, block_names, render

BLOCKS = {"one": lambda: "first", "two": lambda: "second\nline"}


def test_blocks_are_replaced_and_the_rest_stays() -> None:
    page = (
        "# Title\n<!-- generated: one -->\nold\n<!-- /generated -->\nbetween\n"
        "<!-- generated: two -->\n<!-- /generated -->\nend\n"
    )
    rendered = render(page, BLOCKS)
    assert rendered == (
        "# Title\n<!-- generated: one -->\nfirst\n<!-- /generated -->\nbetween\n"
        "<!-- generated: two -->\nsecond\nline\n<!-- /generated -->\nend\n"
    )
    assert render(rendered, BLOCKS) == rendered
    assert block_names(rendered) == ["one", "two"]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("<!-- generated: three -->\n<!-- /generated -->", id="unknown"),
        pytest.param("<!-- generated: one -->\ntext", id="without an end"),
        pytest.param("text\n<!-- /generated -->", id="without a beginning"),
        pytest.param("<!-- generated: -->\n<!-- /generated -->", id="without a name"),
    ],
)
def test_a_block_that_cannot_be_generated_is_an_error(page: str) -> None:
    with pytest.raises(UnknownBlock):
        render(page, BLOCKS)


def test_a_table_has_one_line_for_each_row_and_escapes_what_ends_a_cell() -> None:
    assert table(("a", "b"), [("1|2", "two\nlines")]) == (
        "| a | b |\n| --- | --- |\n| 1\\|2 | two lines |"
    )
