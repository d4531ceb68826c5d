"""The view: every workspace in memory, fed by the engine's events, so that listing costs no engine call.

An :class:`Entry` joins what the engine says (its container) with what only this server knows: an action that is under
way, the steps of a launch, why it failed, when it was last used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum

from .engine_models import Container
from .errors import NotFound
from .labels import WorkspaceRecord, record_of
from .models import Endpoint, Step, Workspace, WorkspaceState

ENDED = ("exited", "dead")
"""States of a container whose command has ended."""

CLEAN_EXITS = (0, 130, 137, 143)
"""Exit codes of a lab that was stopped: by itself, SIGINT, SIGKILL, SIGTERM."""

HOLDING = (WorkspaceState.STARTING, WorkspaceState.RUNNING, WorkspaceState.PAUSED, WorkspaceState.STOPPING)
"""States in which a workspace has its GPUs; else it has given them back."""


class Phase(Enum):
    """What this server is doing to a workspace."""

    IDLE = "idle"
    STARTING = "starting"
    STOPPING = "stopping"
    REMOVING = "removing"
    COMMITTING = "committing"
    ROLLING_BACK = "rolling back"
    BUSY = "busy"


ENDING = (Phase.STARTING, Phase.STOPPING, Phase.REMOVING, Phase.ROLLING_BACK)
"""Phases in which an end of the container is expected, or told of by whoever is at work."""


@dataclass(eq=False)
class Entry:
    """A workspace in memory."""

    record: WorkspaceRecord
    container: Container | None = None
    phase: Phase = Phase.STARTING
    message: str = ""
    failure: str = ""
    discarded: bool = False
    """Its launch failed: its container, should the engine still have one, is to go, while the row stays to say why."""
    steps: tuple[Step, ...] = ()
    endpoint: Endpoint | None = None
    created: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    last_activity: datetime | None = None
    gpu_queue: int | None = None
    """Its place among those that wait for GPUs."""
    gpu_fault: str = ""
    """What is wrong with its GPUs while it runs."""

    def __setattr__(self, name: str, value: object) -> None:
        # What was shown of it is kept until anything about it changes: there may be hundreds in a list.
        super().__setattr__(name, value)
        self.__dict__.pop("_shown", None)

    @property
    def key(self) -> tuple[str, str]:
        """Owner and name."""
        return self.record.owner, self.record.name

    @property
    def state(self) -> WorkspaceState:
        """What its owner is told."""
        if self.phase in (Phase.STOPPING, Phase.REMOVING):
            return WorkspaceState.STOPPING
        if self.phase in (Phase.STARTING, Phase.ROLLING_BACK):
            return WorkspaceState.STARTING
        if self.failure:
            return WorkspaceState.FAILED
        status = self.container.status if self.container else "created"
        if status == "paused":
            # A commit freezes the processes for a moment: that is not a state that its owner asked for.
            return WorkspaceState.RUNNING if self.phase is Phase.COMMITTING else WorkspaceState.PAUSED
        if status in ("running", "restarting"):
            return WorkspaceState.RUNNING if self.endpoint else WorkspaceState.STARTING
        return WorkspaceState.STOPPED

    def workspace(self, root_url: str) -> Workspace:
        """Return it as the contract shows it; ``root_url`` is the server's base URL."""
        known: tuple[str, Workspace] | None = self.__dict__.get("_shown")
        if known is None or known[0] != root_url:
            known = self.__dict__["_shown"] = root_url, self._workspace(root_url)
        return known[1]

    def _workspace(self, root_url: str) -> Workspace:
        container = self.container
        ports = {
            str(inside): f"{address}:{port}"
            for inside, (address, port) in (container.ports.items() if container else ())
            if inside != self.record.port
        }
        return Workspace(
            owner=self.record.owner,
            name=self.record.name,
            id=self.record.id,
            state=self.state,
            message=self.failure or self.message,
            url=f"{root_url}workspace/{self.record.owner}/{self.record.name}/",
            image=self.record.image,
            gpus=self.record.gpus if self.state in HOLDING else (),
            cpus=container.cpus if container else None,
            memory=container.memory if container else None,
            shm_size=container.shm_size if container else None,
            ports=ports,
            volumes={
                mount.source: {"bind": mount.target, "mode": "ro" if mount.read_only else "rw"}
                for mount in (container.mounts if container else ())
                if not mount.target.startswith("/run/workspace")
            },
            created=(container.created if container else None) or self.created,
            started=container.started if container and self.state is not WorkspaceState.STARTING else None,
            last_activity=self.last_activity,
            steps=self.steps,
            gpu_queue=self.gpu_queue,
            gpu_fault=self.gpu_fault,
        )


class WorkspaceView:
    """All entries, by owner and name and by ID. Used on the event loop only.

    ``on_change`` and ``on_removal`` are called with an entry after it was changed or removed.
    """

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Entry] = {}
        self._by_id: dict[str, Entry] = {}
        self._withdrawn: set[str] = set()
        self.on_change: Callable[[Entry], None] = lambda entry: None
        self.on_removal: Callable[[Entry], None] = lambda entry: None

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def of_owner(self, owner: str) -> list[Entry]:
        """List an owner's entries by name."""
        return [self._entries[key] for key in sorted(self._entries) if key[0] == owner]

    def find(self, owner: str, name: str) -> Entry | None:
        """Return an entry, or ``None``."""
        return self._entries.get((owner, name))

    def get(self, owner: str, name: str) -> Entry:
        """Return an entry; ``NotFound`` if there is none."""
        entry = self._entries.get((owner, name))
        if entry is None:
            raise NotFound(f"There is no workspace {name!r} of {owner!r}.")
        return entry

    def by_id(self, identifier: str) -> Entry | None:
        """Return the entry of this ID, or ``None``."""
        return self._by_id.get(identifier)

    def add(self, entry: Entry) -> None:
        """Take an entry in."""
        self._by_id[entry.record.id] = entry
        self._place(entry)
        self.changed(entry)

    def _place(self, entry: Entry) -> None:
        other = self._entries.get(entry.key)
        if other is not None and other is not entry:
            # The engine gives a name once: what else bears it here is a failed launch, or one that the engine will refuse.
            self.remove(other)
        self._entries[entry.key] = entry

    def changed(self, entry: Entry) -> None:
        """Tell of a change of an entry, unless that has been forgotten meanwhile."""
        if self._by_id.get(entry.record.id) is entry:
            self.on_change(entry)

    def remove(self, entry: Entry) -> None:
        """Forget an entry; one that is forgotten already is fine."""
        if self._by_id.get(entry.record.id) is not entry:
            return
        del self._by_id[entry.record.id]
        if self._entries.get(entry.key) is entry:
            del self._entries[entry.key]
        self.on_removal(entry)

    def withdraw(self, entry: Entry) -> None:
        """Forget an entry whose launch was refused, and never show a container of its ID again."""
        self._withdrawn.add(entry.record.id)
        self.remove(entry)

    def rename(self, entry: Entry, name: str) -> None:
        """Give an entry another name, unless it has been forgotten meanwhile."""
        if name == entry.record.name or self._by_id.get(entry.record.id) is not entry:
            return
        old = dataclasses.replace(entry, record=entry.record)
        del self._entries[entry.key]
        entry.record = dataclasses.replace(entry.record, name=name)
        self._place(entry)
        self.on_removal(old)
        self.changed(entry)

    def observe(self, container: Container) -> Entry | None:
        """Take in what the engine says of a container; ``None`` if it is not a workspace of ours."""
        record = record_of(container)
        if record is None:
            return None
        if record.id in self._withdrawn:
            return Entry(record, container, phase=Phase.IDLE, discarded=True)
        entry = self._by_id.get(record.id)
        if entry is None:
            entry = Entry(record, container, phase=Phase.IDLE)
            entry.failure = failure_of(container)
            self.add(entry)
            return entry
        if entry.record.name != record.name:
            self.rename(entry, record.name)
        if (entry.record.image, entry.record.gpus) != (record.image, record.gpus):
            # It was rolled back, perhaps by another server, or has got its GPUs.
            entry.record = dataclasses.replace(entry.record, image=record.image, gpus=record.gpus)
        before, entry.container = entry.container, container
        started_anew = before is None or before.started != container.started
        if started_anew or container.status not in ("running", "paused"):
            entry.endpoint = None
        if started_anew and entry.phase is Phase.IDLE and not entry.discarded:
            entry.failure = ""
        has_ended = container.status in ENDED and (started_anew or before is None or before.status not in ENDED)
        if has_ended and entry.phase not in ENDING and not entry.failure:
            entry.failure = failure_of(container)
        self.changed(entry)
        return entry


def failure_of(container: Container) -> str:
    """Return why a container is not running although nobody stopped it, or nothing."""
    if container.oom_killed and container.status in ENDED:
        return "It used more memory than it may have, and was ended."
    if container.status in ENDED and container.exit_code not in CLEAN_EXITS:
        return container.error or f"Its JupyterLab ended by itself with exit code {container.exit_code}."
    return ""
