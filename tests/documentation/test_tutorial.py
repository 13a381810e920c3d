"""The tutorial works as it is written, from the first command to the last."""


def test_the_first_authority_works_as_shown(run_page):
    run_page("tutorial/first-authority.md")
