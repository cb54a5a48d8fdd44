"""The tables of routes and verdict ids."""

from __future__ import annotations

import re

from tscompat.catalogue import load_catalogue
from tscompat.routes import verdict_ids
from tscompat.values.verdict import VerdictId

IDS = list(verdict_ids(load_catalogue()))


def test_ids_are_unique():
    assert len(set(IDS)) == len(IDS)


def test_ids_are_made_of_letters_digits_and_few_signs():
    assert all(re.fullmatch(r"[A-Za-z0-9./+-]+", str(each)) for each in IDS)


def test_an_id_splits_into_what_it_was_made_of():
    assert [VerdictId.parse(str(each)) for each in IDS] == IDS


def test_a_full_run_on_the_cpu_decides_enough():
    assert sum(each.device == "cpu" for each in IDS) >= 1500
