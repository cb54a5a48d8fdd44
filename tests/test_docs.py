"""The documents hold what the catalogue, the routes and the divergences give."""

import re
from pathlib import Path

from tscompat.catalogue import load_catalogue
from tscompat.cli.routes import page
from tscompat.routes import verdict_ids

ROOT = Path(__file__).parents[1]
WRITTEN = ROOT / "docs" / "routes.md"


def test_the_page_of_the_routes_is_up_to_date() -> None:
    assert WRITTEN.read_text(encoding="utf-8") == page(), "write it again: tscompat routes"


def test_the_readme_has_the_question_of_each_check_and_no_other() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| check | question |")[2].partition("\n\n")[0]
    described = {check for row in table.strip().splitlines() for check in re.findall("`([^`]+)`", row.split("|")[1])}
    assert described == {each.check for each in verdict_ids(load_catalogue())}
