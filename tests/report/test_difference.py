"""The bytes around the first difference of two files, field by field."""

import numpy as np

from tscompat.codec import encode_state_dict
from tscompat.report.difference import MOST, annotated
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, Tensor

F32 = BY_NAME["f32"]


def a_file(*values: float, name: str = "weight", dims: tuple[int, ...] | None = None) -> bytes:
    data = np.array(values, "<f4").tobytes()
    return b"".join(encode_state_dict([Entry(name, Tensor(F32, dims or (len(values),), data))]))


def test_the_field_and_the_bytes_that_differ_are_marked_on_both_sides() -> None:
    found = annotated(a_file(1, 2, dims=(2, 1)), a_file(1, 2, dims=(1, 2)))
    assert found
    marked = [[(line.field, line.bytes, line.value) for line in side if line.different] for side in found[1:3]]
    assert marked == [
        [("entry 0 'weight', dim 0", ("02",), "2")],
        [("entry 0 'weight', dim 0", ("01",), "1")],
    ]
    assert found.expected[3].offset == found.offset == 10


def test_three_fields_before_and_two_after_are_shown() -> None:
    found = annotated(a_file(1, 2, dims=(2, 1)), a_file(1, 2, dims=(1, 2)))
    assert found
    assert [line.field.rpartition(", ")[2] for line in found.expected] == [
        *("name", "dtype code", "rank", "dim 0", "dim 1", "elements")
    ]
    assert [line.clause for line in found.expected][3] == "3.4 shape.dims"


def test_of_a_long_field_the_part_with_the_difference_is_shown() -> None:
    values = [float(each) for each in range(100)]
    found = annotated(a_file(*values), a_file(*values[:50], -1, *values[51:]))
    assert found
    (line,) = (line for line in found.expected if line.different)
    start = len(a_file(*values)) - 400
    assert (line.offset, len(line.bytes)) == (start + 192, MOST)
    assert line.bytes[8:12] == tuple(f"{byte:02x}" for byte in np.float32(50).tobytes())
    assert line.offset + line.different[0] == found.offset


def test_a_file_that_ends_too_early_says_so() -> None:
    whole = a_file(1, 2)
    found = annotated(whole, whole[:-4])
    assert found
    assert "file.truncated" in found.stops or "shape.bytes" in found.stops


def test_a_file_with_more_bytes_shows_them() -> None:
    found = annotated(a_file(1), a_file(1) + b"\1\2")
    assert found
    assert (found.found[-1].bytes, found.found[-1].different) == (("01", "02"), (0, 1))


def test_equal_files_have_no_difference() -> None:
    assert annotated(a_file(1), a_file(1)) is None


def test_an_expected_file_of_another_format_has_no_fields() -> None:
    assert annotated(b"PK\3\4", a_file(1)) is None
