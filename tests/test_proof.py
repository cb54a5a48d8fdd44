"""A session replaces its own section of docs/proof.md, and no other."""

from __future__ import annotations

from pathlib import Path

from proof import write_section


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    file = tmp_path / "proof.md"
    for title, text in (("One", "old"), ("Two", "other"), ("One", r"new \1")):
        write_section(title, text, file)
    whole = file.read_text(encoding="utf-8")
    assert whole.endswith(
        "<!-- One: begin -->\n## One\n\nnew \\1\n<!-- One: end -->\n\n"
        "<!-- Two: begin -->\n## Two\n\nother\n<!-- Two: end -->\n"
    )


def test_words_outside_the_sections_stay(tmp_path: Path) -> None:
    file = tmp_path / "proof.md"
    file.write_text("# Head\n\nBy hand.\n", encoding="utf-8")
    write_section("One", "text", file)
    assert file.read_text(encoding="utf-8") == (
        "# Head\n\nBy hand.\n\n<!-- One: begin -->\n## One\n\ntext\n<!-- One: end -->\n"
    )
