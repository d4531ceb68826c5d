"""The doctor where there is no server: with the settings that one would have."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from jupyter_core.application import JupyterApp
from jupyter_core.paths import jupyter_config_dir, jupyter_runtime_dir
from traitlets.config import Config

from ..config import EngineConfig, WorkspaceConfig
from ..container_plan import ContainerPlanner
from ..engine.base import Engine
from ..images import Catalogue
from ..launch_directory import Account
from ..models import Finding
from ..offers import Offers
from .doctor import PATIENCE, Doctor


def look_over() -> list[Finding]:
    """Look this machine over for the account that runs this."""
    settings = _settings()
    # In a notebook this thread has an event loop that runs.
    with ThreadPoolExecutor(1, thread_name_prefix="doctor") as aside:
        return aside.submit(lambda: asyncio.run(_look_over(settings))).result()


async def _look_over(settings: Config) -> list[Finding]:
    engine_config, config = EngineConfig(config=settings), WorkspaceConfig(config=settings)
    engine_config.timeout = min(engine_config.timeout, PATIENCE)
    root = settings.get("ServerApp", {}).get("root_dir") or "."
    engine = cast(Engine, engine_config.engine())
    planner = ContainerPlanner(
        engine,
        config,
        notebook_directory=Path(config.notebook_directory or root),
        secrets=(Path(jupyter_runtime_dir()), Path(jupyter_config_dir())),
        account=Account.current(),
    )
    images = Catalogue(engine, Offers(config, logging.getLogger(__name__)), port=config.port)
    try:
        return await Doctor(engine, planner, images, host=engine_config.host).examine()
    finally:
        await engine.close()


def _settings() -> Config:
    """Read the files that Jupyter Server and this extension take their settings from."""
    application = JupyterApp()
    for name in ("jupyter_server_config", "jupyter_workspace_launcher_config"):
        application.config_file_name = name
        application.load_config_file()
    return application.config
