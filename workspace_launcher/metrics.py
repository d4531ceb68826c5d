"""What Jupyter Server's ``/metrics`` tells of workspaces, for Prometheus. Of owners and names it tells nothing.

All is in memory already, so a scrape asks the engine nothing (https://prometheus.io/docs/instrumenting/writing_exporters/).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

from prometheus_client import REGISTRY, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from .gpus import GpuManager
from .models import Operation, OperationState, Workspace, WorkspaceState
from .view import HOLDING, WorkspaceView

PREFIX = "workspace_launcher"
READY = "JupyterLab answers"
"""The step that ends a launch."""
LAUNCH_SECONDS = (0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60)
OPERATION_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)
REMEMBERED = 10_000
"""Starts and operations that are not counted twice."""


class Metrics(Collector):
    """Counts what is there when it is asked, and measures what passes on the event stream."""

    def __init__(self, view: WorkspaceView, gpus: GpuManager, registry: CollectorRegistry = REGISTRY) -> None:
        self._view = view
        self._gpus = gpus
        self._registry = registry
        self._counted: dict[object, None] = {}
        self._waited: set[str] = set()
        self._looking: asyncio.Task[Any] | None = None
        self._launches = Histogram(
            f"{PREFIX}_launch_seconds",
            "Seconds from the request to a JupyterLab that answers, of launches that waited for no GPU.",
            buckets=LAUNCH_SECONDS,
            registry=None,
        )
        self._operations = Histogram(
            f"{PREFIX}_operation_seconds",
            "Seconds that long work took, by its kind: commit, build, pull, push, rollback.",
            ["kind"],
            buckets=OPERATION_SECONDS,
            registry=None,
        )

    def start(self) -> None:
        """Be asked from now on."""
        self._registry.register(self)

    def close(self) -> None:
        """Be asked no more. A server may end before it has started."""
        with contextlib.suppress(KeyError):
            self._registry.unregister(self)

    def heard(self, kind: str, data: Any) -> None:
        """Measure what is published."""
        if kind == "workspace" and isinstance(data, Workspace):
            self._launched(data)
        elif kind == "operation" and isinstance(data, Operation):
            self._worked(data)

    def _worked(self, operation: Operation) -> None:
        done = operation.state is OperationState.SUCCEEDED
        if done and operation.ended is not None and self._is_new(operation.id):
            self._operations.labels(operation.kind).observe((operation.ended - operation.started).total_seconds())

    def _launched(self, workspace: Workspace) -> None:
        if workspace.gpu_queue is not None:
            self._waited.add(workspace.id)
        elif workspace.steps and workspace.steps[-1].name == READY and workspace.state is WorkspaceState.RUNNING:
            waited = workspace.id in self._waited
            self._waited.discard(workspace.id)
            if self._is_new((workspace.id, workspace.started)) and not waited:
                self._launches.observe(workspace.steps[-1].seconds)

    def _is_new(self, key: object) -> bool:
        if key in self._counted:
            return False
        self._counted[key] = None
        if len(self._counted) > REMEMBERED:
            del self._counted[next(iter(self._counted))]
        return True

    def collect(self) -> Iterator[Metric]:
        """Tell how things are."""
        entries = list(self._view)
        states = Counter(entry.state for entry in entries)
        workspaces = GaugeMetricFamily(f"{PREFIX}_workspaces", "Workspaces on the engine.", labels=["state"])
        for state in WorkspaceState:
            workspaces.add_metric([state.value], states[state])
        yield workspaces
        if self._gpus.inventory.gpus:
            waiting = sum(entry.gpu_queue is not None for entry in entries)
            yield GaugeMetricFamily(f"{PREFIX}_waiting_for_gpus", "Workspaces that wait for GPUs here.", value=waiting)
            yield from self._of_gpus({uuid for one in entries if one.state in HOLDING for uuid in one.record.gpus})
        yield from self._launches.collect()
        yield from self._operations.collect()

    def _of_gpus(self, leased: set[str]) -> Iterator[Metric]:
        self._look_soon()
        gpus = self._gpus.inventory.gpus
        by_state = Counter("broken" if gpu.fault else "leased" if gpu.uuid in leased else "free" for gpu in gpus)
        count = GaugeMetricFamily(f"{PREFIX}_gpus", "GPUs that the engine has.", labels=["state"])
        for state in ("free", "leased", "broken"):
            count.add_metric([state], by_state[state])
        yield count
        for name, what, values in (
            (
                "utilization_ratio",
                "Share of the time in which a GPU computed.",
                [(gpu.utilization, 100) for gpu in gpus],
            ),
            ("memory_used_bytes", "Memory of a GPU that is in use.", [(gpu.memory_used, 1) for gpu in gpus]),
            ("memory_total_bytes", "Memory of a GPU.", [(gpu.memory_total, 1) for gpu in gpus]),
        ):
            family = GaugeMetricFamily(f"{PREFIX}_gpu_{name}", what, labels=["gpu"])
            for gpu, (value, unit) in zip(gpus, values, strict=True):
                if value is not None:
                    family.add_metric([gpu.uuid], value / unit)
            yield family

    def _look_soon(self) -> None:
        """Have the GPUs looked at, for the next time, if nobody else sees to it."""
        if self._gpus.inventory.may_follow and (self._looking is None or self._looking.done()):
            try:
                self._looking = asyncio.get_running_loop().create_task(self._gpus.inventory.look())
            except RuntimeError:
                return  # asked from elsewhere than the server
