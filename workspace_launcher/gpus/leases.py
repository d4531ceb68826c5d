"""Taking GPUs and giving them back, so that no two workspaces of any servers on one engine have the same.

A lease is taken in three steps, and proved after the start:

1. Claims are taken, one for each GPU. The engine gives each name once, so of two servers that want the same one has it.
2. If meanwhile a workspace runs with that GPU without a claim (somebody may have pruned it), the claims are given back.
3. The workspace is started, by others.
4. The claims are looked at once more: if one is another's now, what was started must end.

Whoever takes claims away that are still needed, in any order with these steps, is found out in the second or the fourth.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone

from ..engine.base import Engine
from ..errors import LauncherError, NoGpuFree
from ..gpu_models import Gpu, Wish
from ..labels import CLAIM_GPU, CLAIM_ID, GPU_WISH
from . import decide, state
from .decide import Waiting
from .servers import lives, this_server
from .state import Leased

ATTEMPTS = 8
"""How often a decision is made anew because others were quicker."""


class Leases:
    """The leases of one engine's GPUs. Nothing of them is kept here.

    Parameters
    ----------
    share
        Most workspaces that one GPU is given to.
    server
        Who takes them, see :mod:`workspace_launcher.gpus.servers`.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        share: int,
        log: logging.Logger,
        server: str | None = None,
        lives: Callable[[str], bool | None] = lives,
    ) -> None:
        self._engine = engine
        self.share = share
        self.server = server or this_server()
        self._log = log
        self._lives = lives
        # A server's own launches, and what it gives back, need not race one another.
        self.deciding = asyncio.Lock()

    async def look(self) -> Leased:
        """Ask the engine who has what."""
        claims, rows = await asyncio.gather(
            self._engine.list_claims(label=CLAIM_GPU), self._engine.list_rows(label=GPU_WISH)
        )
        return state.read(claims, rows, now=datetime.now(timezone.utc), lives=self._lives)

    async def take(
        self,
        holder: str,
        wish: Wish,
        gpus: Sequence[Gpu],
        *,
        line: Callable[[Leased], Iterable[Waiting]] = lambda leased: leased.waiting,
    ) -> tuple[str, ...]:
        """Take GPUs for a workspace and return their UUIDs; what it has already is its own.

        Parameters
        ----------
        holder
            The workspace's ID.
        wish
            What it wants; it has been checked.
        gpus
            Those that there are.
        line
            Who waits, of all that others have in the engine; one who is not in it comes last.

        Raises
        ------
        NoGpuFree
            Others have them.
        """
        async with self.deciding:
            for _ in range(ATTEMPTS):
                leased = await self.look()
                await self._sweep(leased)
                chosen = self.choice(holder, wish, gpus, leased, line(leased))
                if await self._claim(holder, chosen, leased):
                    return chosen
        raise NoGpuFree(decide.refusal(gpus, (await self.look()).holders, wish))

    def choice(
        self, holder: str, wish: Wish, gpus: Sequence[Gpu], leased: Leased, line: Iterable[Waiting]
    ) -> tuple[str, ...]:
        """Decide what a workspace gets; ``NoGpuFree`` if it is nothing now. Asks nobody."""
        line = list(line)
        may, taken = decide.turns(gpus, leased.holders, line, share=self.share, stopped=leased.stopped)
        if any(waiting.id == holder for waiting in line):
            chosen = may.get(holder)
        else:
            chosen = decide.choose(gpus, taken, wish, share=self.share, asker=holder, stopped=leased.stopped)
        if chosen is None:
            raise NoGpuFree(decide.refusal(gpus, leased.holders, wish))
        return chosen

    async def _claim(self, holder: str, uuids: tuple[str, ...], leased: Leased) -> bool:
        """Take claims to all of these; if one cannot be had, none is kept."""
        made: list[str] = []
        try:
            for uuid in uuids:
                name = await self._claim_one(holder, uuid)
                if name is None:
                    await self._release(made)
                    return False
                if name not in leased.slots.get(uuid, ()):
                    made.append(name)
            now = await self.look()
        except BaseException:
            await asyncio.shield(self._release(made))
            raise
        if any(len(now.holders.get(uuid, set()) - {holder}) >= self.share for uuid in uuids):
            await self._release(made)
            return False
        return True

    async def _claim_one(self, holder: str, uuid: str) -> str | None:
        """Take one share of a GPU and return the claim's name; ``None`` if others have all."""
        labels = state.claim_labels(uuid, holder, self.server)
        for slot in range(self.share):
            name = state.claim_name(uuid, slot)
            there = await self._engine.claim(name, labels=labels)
            if (there.get(CLAIM_GPU), there.get(CLAIM_ID)) == (uuid, holder):
                return name
        return None

    async def holds(self, holder: str, uuids: Iterable[str]) -> bool:
        """Whether a workspace that has been started may have these GPUs; a claim that was lost is taken again."""
        for uuid in uuids:
            if await self._claim_one(holder, uuid) is None:
                return False
        return True

    async def give_back(self, holder: str) -> None:
        """Give all back that a workspace has; what it has not is fine."""
        for claim in await self._engine.list_claims(label=f"{CLAIM_ID}={holder}"):
            if claim.labels.get(CLAIM_GPU):
                await self._engine.release_claim(claim.name)

    async def _sweep(self, leased: Leased) -> None:
        if leased.stale:
            self._log.info("Taking back %d GPU leases of workspaces that are gone.", len(leased.stale))
            await self._release(leased.stale)

    async def _release(self, names: Iterable[str]) -> None:
        for name in names:
            with contextlib.suppress(LauncherError):
                await self._engine.release_claim(name)
