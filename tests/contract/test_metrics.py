"""What Prometheus is told."""

from __future__ import annotations

import time

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.contract.gpu_rows import row, uuid
from tests.contract.house import ANN, House
from workspace_launcher.metrics import Metrics


@pytest.fixture
def registry(house: House) -> CollectorRegistry:
    registry = CollectorRegistry()
    metrics = Metrics(house.view, house.gpus, registry)
    metrics.start()
    house.events.heard = metrics.heard
    return registry


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"workspace_launcher_{name}", labels)


async def test_workspaces_and_how_long_things_took(house: House, registry: CollectorRegistry) -> None:
    await house.run("cat")
    await house.run("dog")
    await house.committed(await house.commit("cat"))
    await house.workspaces.stop(ANN, "dog")
    assert (value(registry, "workspaces", state="running"), value(registry, "workspaces", state="stopped")) == (1, 1)
    assert value(registry, "launch_seconds_count") == 2
    assert 0 < (value(registry, "launch_seconds_sum") or 0) < 20
    assert value(registry, "operation_seconds_count", kind="commit") == 1
    text = generate_latest(registry).decode()
    assert "cat" not in text and ANN not in text and "gpu" not in text.lower().replace("waited for no gpu", "")


async def test_gpus(house: House, registry: CollectorRegistry) -> None:
    house.host.gpus = [row(index, used="1024") for index in range(3)]
    house.gpus.inventory.forget()
    await house.run("cat", gpus=2)
    await house.launch("dog", gpus=3, gpu_wait=True)
    await house.until(lambda: house.workspaces.get(ANN, "dog").gpu_queue == 1)
    assert [value(registry, "gpus", state=state) for state in ("free", "leased", "broken")] == [1, 2, 0]
    assert value(registry, "waiting_for_gpus") == 1
    assert value(registry, "gpu_memory_used_bytes", gpu=uuid(0)) == 1 << 30
    assert value(registry, "gpu_utilization_ratio", gpu=uuid(0)) == 0
    await house.workspaces.stop(ANN, "cat")
    await house.ready("dog")
    assert value(registry, "launch_seconds_count") == 1, "a launch that waited for others is none of ours"


async def test_a_scrape_is_quick_and_asks_nobody(house: House, registry: CollectorRegistry) -> None:
    house.host.gpus = [row(index) for index in range(64)]
    house.gpus.inventory.forget()
    for number in range(60):
        await house.launch(f"w{number}", gpus=1)
    await house.quiet()
    asked = house.engine.faults.total
    begun = time.perf_counter()
    for _ in range(20):
        generate_latest(registry)
    assert (time.perf_counter() - begun) / 20 < 0.1
    assert house.engine.faults.total == asked
