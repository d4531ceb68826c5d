"""A daemon of the tests' own on a machine with stand-in GPUs."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.contract.gpu_rows import row
from tests.engine import nvidia_runtime
from tests.engine.second_daemon import SecondDaemon


class GpuMachine:
    """The daemon, whose default runtime is NVIDIA's, as on many a machine with GPUs.

    Parameters
    ----------
    hidden
        See :class:`SecondDaemon`.
    count
        How many GPUs it has.
    """

    def __init__(self, hidden: Path, *, count: int = 4) -> None:
        # Where the daemon sees it.
        self._directory = Path(tempfile.mkdtemp(prefix="wltest-gpus-", dir="/var/tmp"))
        self.have(*(row(index) for index in range(count)))
        runtime = self._directory / "nvidia-container-runtime"
        script = Path(nvidia_runtime.__file__).resolve()
        runtime.write_text(f'#!/bin/sh\nexec {sys.executable} -SE {script} {self._directory} "$@"\n')
        runtime.chmod(0o755)
        arguments = ("--add-runtime", f"nvidia={runtime}", "--default-runtime", "nvidia")
        # Where dockerd finds a program of this name it takes device requests, and has it run before a container starts.
        hook = self._directory / "nvidia-container-runtime-hook"
        hook.write_text(f"#!/bin/sh\ncat > {self._directory}/hooked\n")
        hook.chmod(0o755)
        self.daemon = SecondDaemon(hidden, arguments=arguments, programs=self._directory)

    def have(self, *rows: str, trouble: str = "") -> None:
        """Have these GPUs from now on; in trouble ``nvidia-smi`` says that alone."""
        (self._directory / "gpus").write_text("".join(f"{one}\n" for one in rows))
        (self._directory / "trouble").write_text(trouble)
        if not trouble:
            (self._directory / "trouble").unlink()

    def take_from(self, container: str) -> None:
        """Take the GPUs from a container that runs, as a reload of systemd does."""
        (place,) = (self.daemon.directory / "exec").rglob(f"{container}/nvidia")
        (place / "trouble").write_text("Failed to initialize NVML: Unknown Error\n")

    def hooked(self) -> str:
        """Return what the hook of device requests was last told of a container."""
        return (self._directory / "hooked").read_text()

    def close(self) -> None:
        """End it and remove every trace."""
        self.daemon.close()
        for path in self._directory.iterdir():
            path.unlink()
        self._directory.rmdir()
