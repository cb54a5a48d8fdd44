"""The documents hold what the catalogue, the routes and the divergences give."""

import re
from pathlib import Path

from tscompat.catalogue import load_catalogue
from tscompat.cli.routes import pages
from tscompat.routes import verdict_ids

ROOT = Path(__file__).parents[1]


def test_the_pages_of_what_is_known_are_up_to_date() -> None:
    stale = [name for name, page in pages() if (ROOT / "docs" / name).read_text(encoding="utf-8") != page]
    assert stale == [], "write them again: tscompat routes"


def test_the_readme_has_the_question_of_each_check_and_no_other() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| check | question |")[2].partition("\n\n")[0]
    described = {check for row in table.strip().splitlines() for check in re.findall("`([^`]+)`", row.split("|")[1])}
    assert described == {each.check for each in verdict_ids(load_catalogue())}
