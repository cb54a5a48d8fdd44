"""The rooms whose code is mutated, and the tests that must see it: those of the room itself, without .NET."""

from __future__ import annotations

from collections.abc import Mapping

ROOMS: Mapping[str, tuple[str, ...]] = {
    "values": ("tests/values",),
    "codec": ("tests/codec",),
    "verdicts": ("tests/verdicts",),
    "catalogue": ("tests/catalogue",),
    "routes": ("tests/routes",),
    "results": ("tests/results",),
    "dotnet_side/inside": ("tests/dotnet_side/test_inside*.py",),
}
"""Folders of tscompat, and globs of their tests, both in the order of the page."""
BEHIND_THE_PEER = {"dotnet_side/inside"}
"""The rooms whose code needs .NET: there a function that no test without it reaches counts for nothing."""
LAST = {"routes", "dotnet_side/inside"}
"""The rooms that no other of these imports: what the others have cached is the same with a mutant of these."""
NET = {"keeper", "publish"}
"""The fixtures of tests/conftest.py that need .NET. A test that takes one is left out."""
SLOW = {
    "test_what_the_faulty_module_computes_is_accepted_and_nothing_else": "runs ResNeXt-101 and MobileNet-v3",
    "test_a_state_dict_takes_at_most_128_times_its_size": "measures memory",
    "test_a_state_dict_takes_no_more_from_a_lenient_reader": "measures memory",
    "test_a_tensor_takes_at_most_64_times_its_size": "measures memory",
    "test_an_optimizer_takes_at_most_256_times_its_size": "measures memory",
    "test_headers_are_remembered_up_to_a_limit": "measures memory",
    "test_over_long_dims_take_no_more_than_the_file_and_16_mib": "measures memory",
    "test_the_published_file_fits_the_catalogue": "matches each divergence with each id",
}
"""Tests that are left out because each takes seconds for a mutant, and what takes them."""
