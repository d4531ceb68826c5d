"""The large images are used as the engine's tests use the lab."""

from __future__ import annotations

from tests.engine.conftest import engine as engine
from tests.engine.conftest import owner as owner
