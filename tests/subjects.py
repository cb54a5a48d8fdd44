"""How tests get at the subjects of cases: by the case's id and the kind of subject."""

from __future__ import annotations

from typing import TypeVar

from tscompat.catalogue import Load, Subject, Tensors, load_catalogue, make
from tscompat.values.tensors import StateDict

S = TypeVar("S", bound=Subject)


def subject(case_id: str, kind: type[S]) -> S:
    """The subject of a case, which is of this kind."""
    found = load_catalogue()[case_id].subject
    assert isinstance(found, kind)
    return found


def subjects(kind: type[S]) -> dict[str, S]:
    """All subjects of this kind, by the ids of their cases."""
    found = ((case_id, case.subject) for case_id, case in load_catalogue().items())
    return {case_id: each for case_id, each in found if isinstance(each, kind)}


def tensors(case_id: str) -> StateDict:
    """The bits of a case of tensors."""
    return make(case_id, subject(case_id, Tensors).specs)


def loaded_into(case_id: str) -> StateDict:
    """The bits that the module of a load case has before the load."""
    return make(case_id, subject(case_id, Load).specs)
