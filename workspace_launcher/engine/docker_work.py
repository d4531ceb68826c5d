"""What all ways to make an image of a container have in common."""

from __future__ import annotations

import abc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..engine_models import Image
from ..errors import OperationCancelled
from . import image_archive
from .arguments import split_reference
from .docker_client import Client
from .docker_connection import DockerConnection
from .docker_intermediate import INTERMEDIATE, begin_work, end_work
from .docker_load import SECONDS
from .docker_pauses import Moment
from .image_store import ProgressCallback


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be committed, and as what."""

    container: str
    reference: str
    parent: str
    labels: Mapping[str, str]
    author: str
    message: str
    pause: bool
    exclude: tuple[str, ...] = ()
    """Paths that are left out, see :func:`~workspace_launcher.engine.layers.checked_exclusions`."""
    onto: str | None = None
    """The image below the parent above which all is to be one layer."""


class Work(abc.ABC):
    """One image on its way."""

    def __init__(self, connection: DockerConnection, wish: Wish, progress: ProgressCallback, *, complete: bool) -> None:
        self._connection = connection
        self._wish = wish
        self._progress = progress
        self._complete = complete
        self.cancelled = False
        self._maker = begin_work()
        self._committed: Moment | None = None
        """When the engine's own commit was."""

    @abc.abstractmethod
    async def run(self) -> Image:
        """Do it; see :class:`~workspace_launcher.engine.docker_commit.Committer`."""

    @abc.abstractmethod
    async def clean(self) -> None:
        """Remove what was made on the way."""

    @abc.abstractmethod
    async def undo(self) -> None:
        """Take the finished image back."""

    def over(self) -> None:
        """Say that it is over: what could not be removed, the engine being away, is for whoever sweeps."""
        end_work(self._maker)

    @property
    def marked(self) -> dict[str, str]:
        """The labels of what is made on the way."""
        return {INTERMEDIATE: self._maker}

    @property
    def _reference(self) -> str:
        return ":".join(split_reference(self._wish.reference))

    def _check(self) -> None:
        if self.cancelled:
            raise OperationCancelled("The commit was cancelled.")

    def _commit(self, client: Client, *, pause: bool) -> str:
        """Commit to an untagged intermediate image and return its ID. Blocks."""
        began = time.time()
        # The SDK's commit() has one time-out for all calls.
        answer = client.call(
            "POST",
            "/commit",
            params={"container": self._wish.container, "pause": "1" if pause else "0"},
            json={"Labels": self.marked},
            timeout=SECONDS,
        )
        self._committed = Moment.of(began, answer)
        return str(answer.json()["Id"])

    def _configuration(
        self,
        parent: Mapping[str, Any],
        history: Sequence[Mapping[str, Any]],
        layers: Sequence[str],
        below: Sequence[str],
    ) -> dict[str, Any]:
        """Return the image's configuration: the parent's over other layers, of which ``below`` are there already."""
        return image_archive.configuration(
            parent=parent,
            history=history,
            layers=layers,
            labels=self._wish.labels,
            author=self._wish.author,
            message=self._wish.message,
            adds_layer=len(layers) > len(below),
            # An image that is only put together anew is as old as it was.
            created=None if self._wish.container else parent.get("Created"),
        )
