import pytest

from tests.docs.markdown import Block, anchors, blocks, links


def test_a_block_knows_its_line_its_language_and_its_text() -> None:
    page = "# Title\n\n```python\nprint(1)\n\nprint(2)\n```\nend\n"
    assert blocks(page) == [Block(3, "python", "print(1)\n\nprint(2)\n")]


@pytest.mark.parametrize(
    ("note", "word", "value"),
    [
        ("<!-- not run: needs an account -->", "not run", "needs an account"),
        ("<!-- file: app.py -->", "file", "app.py"),
        ("<!-- output -->", "output", ""),
        ("A sentence.", "", ""),
        ("<!-- another comment -->", "", ""),
    ],
)
def test_the_line_before_a_block_steers_it(note: str, word: str, value: str) -> None:
    (block,) = blocks(f"{note}\n\n```python\npass\n```\n")
    assert (block.word, block.value) == (word, value)


def test_a_note_steers_one_block_only() -> None:
    first, second = blocks("<!-- output -->\n```\na\n```\n```\nb\n```\n")
    assert (first.word, second.word) == ("output", "")


def test_an_indented_block_loses_its_indent() -> None:
    (block,) = blocks("- item\n\n  ```python\n  if 1:\n      pass\n  ```\n")
    assert block.text == "if 1:\n    pass\n"


def test_links_in_code_are_no_links() -> None:
    page = "[a](a.md) ![b](b.png) `[c](c.md)`\n```\n[d](d.md)\n```\n[e](#e)\n"
    assert links(page) == ["a.md", "b.png", "#e"]


def test_headings_become_anchors_as_on_github() -> None:
    assert anchors("# One, two!\n## `dev.py` & more\n```\n# no\n```\n") == {"one-two", "devpy--more"}
