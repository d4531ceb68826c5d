"""Names that one alone can have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from workspace_launcher.engine.base import Engine


@pytest.fixture
async def claimed(engine: Engine, name: str) -> AsyncIterator[str]:
    """A label's value for the claims that a test makes, which are let go of at the end."""
    yield name
    for claim in await engine.list_claims(label=f"wltest={name}"):
        await engine.release_claim(claim.name)


async def test_of_twenty_at_once_one_has_it(engine: Engine, claimed: str) -> None:
    for number in range(10):
        name = f"{claimed}..GPU-{number}.0"
        wishes = [{"wltest": claimed, "who": str(who)} for who in range(20)]
        answers = await asyncio.gather(*(engine.claim(name, labels=labels) for labels in wishes))
        assert len({answer["who"] for answer in answers}) == 1
        assert sum(answer == wish for answer, wish in zip(answers, wishes, strict=True)) == 1


async def test_it_is_free_when_it_is_let_go_of(engine: Engine, claimed: str) -> None:
    name = f"{claimed}..one"
    first, second = ({"wltest": claimed, "who": who} for who in "ab")
    assert await engine.claim(name, labels=first) == first
    assert await engine.claim(name, labels=second) == first
    (claim,) = await engine.list_claims(label=f"wltest={claimed}")
    assert (claim.name, claim.labels) == (name, first) and claim.created is not None
    await engine.release_claim(name)
    await engine.release_claim(name)
    assert await engine.list_claims(label="who=a") == []
    assert await engine.claim(name, labels=second) == second


async def test_containers_in_rows(engine: Engine, running: str, name: str) -> None:
    (row,) = await engine.list_rows(label=f"wltest={name}")
    container = await engine.inspect_container(running)
    assert (row.id, row.name, row.status, row.labels) == (running, name, "running", container.labels)
    assert row.created is not None and container.created is not None
    assert abs((row.created - container.created).total_seconds()) < 1
    await engine.kill_container(running)
    assert [row.status for row in await engine.list_rows(label=f"wltest={name}")] == ["exited"]
