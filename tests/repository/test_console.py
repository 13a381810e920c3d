"""The reader of pages' code blocks takes nothing for granted that a page does not show."""

import pytest

from support.code_blocks import CodeBlock, code_blocks
from support.console import matches, run_console

PAGE = """# Title

<!-- test: start -->
```console
$ echo hello
```

```python
x = 1
```
<!-- test: none, needs a certificate -->

~~~
not ours
~~~

<!-- test: none, needs a certificate -->

````toml
```
````
"""


def test_blocks_are_read_with_their_line_and_test():
    assert code_blocks(PAGE) == [
        CodeBlock(4, "console", "$ echo hello\n", "start"),
        CodeBlock(8, "python", "x = 1\n", ""),
        CodeBlock(19, "toml", "```\n", "none, needs a certificate"),
    ]
    assert [block.why_not_run for block in code_blocks(PAGE)] == ["", "", "needs a certificate"]


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("one", "one\n", True),
        ("one", "one \ntwo\n", False),
        ("one\n...", "one\ntwo\nthree\n", True),
        ("one\n...\nthree", "one\nthree\n", True),
        ("one\n...\nfour", "one\ntwo\nthree\n", False),
        ("port ... is open", "port 4711 is open\n", True),
        ("port ... is open", "port 4711 is\n open\n", False),
        ("a.c", "abc\n", False),
    ],
)
def test_output_matches_only_what_the_page_shows(expected, printed, same):
    assert matches(expected, printed) is same


@pytest.mark.parametrize(
    "block",
    [
        "$ echo hello\nhello\n",
        "$ echo $GREETING \\\n    there\nhello there\n",
        "$ echo unshown\n$ cat *.txt\ncontent\n",
        "$ echo ready; exec sleep 600 &\nready\n$ echo next\nnext\n",
    ],
)
def test_a_block_that_does_as_shown_passes(tmp_path, block):
    (tmp_path / "file.txt").write_text("content\n")
    run_console(block, folder=tmp_path, variables={"GREETING": "hello"})


@pytest.mark.parametrize(
    "block",
    [
        "$ echo goodbye\nhello\n",
        "$ false\n",
        "$ no-such-command-exists\n",
        "$ echo starting; exit 1 &\nready\n$ echo next\n",
    ],
)
def test_a_block_that_does_not_is_found(tmp_path, block):
    with pytest.raises(AssertionError):
        run_console(block, folder=tmp_path, variables={})


def test_a_block_that_is_no_console_session_is_refused(tmp_path):
    with pytest.raises(ValueError, match="begins with"):
        run_console("echo hello\n", folder=tmp_path, variables={})
