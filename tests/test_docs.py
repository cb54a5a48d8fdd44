"""The page of the routes is what the catalogue and the divergences give."""

from pathlib import Path

from tscompat.cli.routes import page

WRITTEN = Path(__file__).parents[1] / "docs" / "routes.md"


def test_the_page_of_the_routes_is_up_to_date() -> None:
    assert WRITTEN.read_text(encoding="utf-8") == page(), "write it again: tscompat routes"
