"""FormatError: its message, and that pickling keeps its fields."""

import pickle

import pytest

from tscompat.codec import FormatError


@pytest.fixture
def error() -> FormatError:
    return FormatError(17, "99", "a dtype code from 0 to 15", "dtype.code")


def test_the_message_states_the_offset_what_was_expected_and_what_was_found(error: FormatError) -> None:
    assert str(error) == "byte 17: expected a dtype code from 0 to 15, found 99 (dtype.code)"


def test_the_path_precedes_the_message_and_is_not_in_its_argument(error: FormatError) -> None:
    error.path = "model.dat"
    assert (str(error), error.args[0]) == (f"model.dat: {error.args[0]}", str(error).removeprefix("model.dat: "))


def test_pickling_keeps_every_field(error: FormatError) -> None:
    error.path = "model.dat"
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), vars(copy)) == (str(error), vars(error))
