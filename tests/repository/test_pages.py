"""The checks of the documentation find what they are for, and find nothing here."""

import platform

import pytest

from scripts import reference_pages
from scripts.links import ROOT, anchors_of, broken_links, links_of, unlinked_pages
from scripts.requirements_map import UnknownRequirement, ids_cited, page, statements


def test_no_link_of_the_project_leads_nowhere():
    assert [*broken_links(ROOT), *unlinked_pages(ROOT)] == []


@pytest.mark.parametrize(
    ("link", "finding"),
    [
        ("[x](there.md)", None),
        ("[x](there.md#a-heading-1)", None),
        ("[x](#here)", None),
        ("[x](https://example.com/nothing)", None),
        ("`[x](nowhere.md)`", None),
        ("```md\n[x](nowhere.md)\n```", None),
        ("[x](nowhere.md)", "docs/here.md: nowhere.md: no such file"),
        ('[x](nowhere.md "title")', "docs/here.md: nowhere.md: no such file"),
        ("[x]: nowhere.md", "docs/here.md: nowhere.md: no such file"),
        ("[x](there.md#no)", "docs/here.md: there.md#no: no such heading"),
        ("[x](#no)", "docs/here.md: #no: no such heading"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(tmp_path, link, finding):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "here.md").write_text(f"# Here\n\n{link}\n")
    (docs / "there.md").write_text("# A heading\n\n## A heading\n\n```sh\n# no\n```\n")
    assert list(broken_links(tmp_path)) == ([finding] if finding else [])


def test_a_page_that_nothing_links_to_is_found(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    (tmp_path / "README.md").write_text("[Docs](docs/README.md)")
    (docs / "README.md").write_text("[One](one.md#part)")
    (docs / "one.md").write_text("# Part")
    (docs / "two.md").write_text("# Two")
    assert list(unlinked_pages(tmp_path)) == [
        "docs/two.md: no page links here; add it to docs/README.md"
    ]


def test_links_and_anchors_follow_what_markdown_viewers_do():
    assert links_of("[a](b.md) ![c](d.svg)\n\n[e]: <f.md>\n") == ["b.md", "d.svg", "<f.md>"]
    assert anchors_of("# The `Verifier`: 5 lines\n") == {"the-verifier-5-lines"}


def test_a_generated_page_that_is_out_of_date_is_found_and_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reference_pages, "ROOT", tmp_path)
    monkeypatch.setattr(reference_pages, "PAGES", {"page.md": "platform:python_version"})
    assert reference_pages.main(["--check"]) == 1
    assert "page.md is out of date: run `make docs`" in capsys.readouterr().out
    assert not (tmp_path / "page.md").exists()
    assert reference_pages.main([]) == 0
    assert (tmp_path / "page.md").read_text() == platform.python_version()
    assert reference_pages.main(["--check"]) == 0
    (tmp_path / "page.md").write_text("an older version")
    assert reference_pages.main(["--check"]) == 1


SOURCE = """
pytestmark = requirement("R-40")

@requirement("R-11", "RFC 6749 §4.1.2")
def test_one(): ...

@pytest.mark.requirement("G-2")
async def test_two(): ...

def other(): return call("R-99")
"""


def test_cited_ids_are_read_from_decorators_and_module_marks():
    assert set(ids_cited(SOURCE)) == {"R-40", "R-11", "RFC 6749 §4.1.2", "G-2"}


def test_the_map_shows_who_keeps_a_promise_and_which_are_not_kept():
    stated = statements('[issuing]\nR-01 = "Short."\nR-02 = "Exact."\n[guarantees]\nG-2 = "One."\n')
    cited = {
        "R-02": frozenset({"tests/web/test_b.py", "tests/a/test_a.py"}),
        "RFC 7009 §2.2": frozenset({"tests/web/test_b.py"}),
        "RFC 959": frozenset({"tests/web/test_b.py"}),
    }
    lines = page(stated, cited).splitlines()
    b = "[web/test_b.py](../../tests/web/test_b.py)"
    assert "| R-01 | Short. | *none yet* |" in lines
    assert f"| R-02 | Exact. | [a/test_a.py](../../tests/a/test_a.py), {b} |" in lines
    assert lines.index(f"| RFC 959 | {b} |") < lines.index(f"| RFC 7009 | {b} |")


def test_an_id_that_nobody_stated_is_refused():
    with pytest.raises(UnknownRequirement, match=r"R-99, cited in tests/test_a\.py"):
        page({"R-01": "Short."}, {"R-99": frozenset({"tests/test_a.py"})})
