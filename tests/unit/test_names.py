"""Names that cannot be mistaken for one another."""

from __future__ import annotations

import pytest

from workspace_launcher import names
from workspace_launcher.errors import InvalidRequest


@pytest.mark.parametrize("user", ["Ann", "ann@x", "../../etc", "a.b", "", "a" * 200, "ü", "a b", "a--b.c"])
def test_odd_users_get_safe_and_different_names(user: str) -> None:
    safe = names.safe_name(user)
    assert names.is_safe(safe)
    assert safe != names.safe_name(user + "x")


def test_likenesses_do_not_meet() -> None:
    assert len({names.safe_name(user) for user in ("Ann", "ANN", "ann", "a.nn", "a-nn")}) == 5


@pytest.mark.parametrize("user", ["a/b", "..", "Ω", "x" * 200, "admin ", "Admin", "\udcff"])
def test_nobody_can_take_the_name_that_another_was_given(user: str) -> None:
    given = names.safe_name(user)
    assert names.is_safe(given)
    assert names.safe_name(given) not in (given, user)


def test_a_container_name_splits_in_one_way_only() -> None:
    for owner, name in (("a-b", "c"), ("a", "b-c"), ("a_b", "c_d")):
        assert names.split_container_name(names.container_name(owner, name)) == (owner, name)
    for foreign in ("web", "workspace-", "workspace-a", "workspace-a.b.c", "workspace-A.b", "other-a.b"):
        assert names.split_container_name(foreign) is None


def test_generated_names_are_good_ones() -> None:
    for _ in range(100):
        names.checked_workspace_name(names.generated_workspace_name())


@pytest.mark.parametrize("name", ["", "a__", "_a", "a___b", "a-", "A", "a b", "a/b", None, "a\n"])
def test_bad_names_are_refused(name: object) -> None:
    with pytest.raises(InvalidRequest):
        names.checked_workspace_name(name)
