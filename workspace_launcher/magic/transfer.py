"""Variables between this kernel and a workspace's.

The way is by the kernel's own connection. Where a directory of this machine is mounted in the workspace, as the notebook
directory is by default, what is large takes a shorter one: a socket in that directory, which both kernels can connect to
and nobody else's can. The secret that opens it goes by the kernel's connection.
"""

from __future__ import annotations

import ast
import base64
import collections
import contextlib
import json
import os
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import LauncherError
from ..models import Workspace
from . import courier
from .execution import Execution
from .kernel import RemoteKernel

MODULE = "_workspace_courier"
TARGET = "workspace-launcher.courier"
PIECE = 8 << 20
"""Bytes of a message: a Jupyter server takes 10 MiB at most."""
AHEAD = 4
"""Messages that may be on their way at once."""
HELLO_SECONDS = 10.0
LOOK_SECONDS = 0.05


class CannotTravel(LauncherError):
    """A variable cannot be sent, or what came is not taken."""

    reason = "cannot_travel"


def push(kernel: RemoteKernel, values: Mapping[str, Any], *, allow_pickle: bool) -> None:
    """Give variables to a workspace's kernel.

    Raises
    ------
    CannotTravel
        A value of a kind that cannot be sent, or not without a pickle.
    """
    with kernel.transfer:
        _push(kernel, values, allow_pickle)


def _push(kernel: RemoteKernel, values: Mapping[str, Any], allow_pickle: bool) -> None:
    far_has_arrow = _settle(kernel)
    words: list[courier.Words] = []
    waiting: list[memoryview] = []
    for name, value in values.items():
        try:
            one, buffers = courier.pack(name, value, allow_pickle, far_has_arrow)
        except courier.CannotTravel as error:
            raise CannotTravel(str(error)) from None
        one["name"] = name
        if one["size"] <= courier.INLINE:
            one["inline"] = base64.b64encode(b"".join(buffers)).decode()
        else:
            waiting += [memoryview(buffer).cast("B") for buffer in buffers]
        words.append(one)
    _ask(kernel, "expect", words, allow_pickle)
    if waiting and not _by_socket(kernel, "in", waiting):
        _by_messages(kernel, "in", waiting)
        _ask(kernel, "done")


def pull(kernel: RemoteKernel, names: Sequence[str], *, allow_pickle: bool) -> dict[str, Any]:
    """Return variables of a workspace's kernel.

    Raises
    ------
    CannotTravel
        There is no such variable, or it is of a kind that cannot be sent, or not without a pickle.
    """
    with kernel.transfer:
        return _pull(kernel, names, allow_pickle)


def _pull(kernel: RemoteKernel, names: Sequence[str], allow_pickle: bool) -> dict[str, Any]:
    _settle(kernel)
    offered = _ask(kernel, "offer", list(names), allow_pickle, courier.has_arrow())
    rooms = [None if "inline" in one else courier.room(one["size"]) for one in offered]
    waiting = [room for room in rooms if room is not None]
    if waiting and not _by_socket(kernel, "out", waiting):
        _by_messages(kernel, "out", waiting)
    values = {}
    for one, room in zip(offered, rooms, strict=True):
        data = bytearray(base64.b64decode(one["inline"])) if room is None else room
        try:
            values[one["name"]] = courier.unpack(one, data, allow_pickle)
        except courier.CannotTravel as error:
            raise CannotTravel(f"{one['name']!r} was not taken: {error}") from None
    return values


def _settle(kernel: RemoteKernel) -> bool:
    """Have the other side ready, and return whether it has pyarrow."""
    if kernel.courier is None:
        if kernel.language != "python":
            raise CannotTravel(
                f"Variables travel between Python kernels alone; {kernel.spec!r} in {kernel.name!r} is none."
            )
        source = Path(courier.__file__).read_text("utf-8")
        kernel.courier = False
        known = f"__import__('sys').modules.setdefault({MODULE!r}, __import__('types').ModuleType({MODULE!r}))"
        _evaluate(kernel, f"exec({source!r}, {known}.__dict__)")
    if not kernel.courier:
        # Asked again while it is not there: somebody may have installed it.
        kernel.courier = bool(_ask(kernel, "settle_in", TARGET)["arrow"])
    return kernel.courier


def _ask(kernel: RemoteKernel, function: str, *arguments: Any) -> Any:
    """Call a function of the courier's on the other side, and return its answer."""
    return json.loads(ast.literal_eval(_evaluate(kernel, _call(function, *arguments))))


def _call(function: str, *arguments: Any) -> str:
    return f"__import__({MODULE!r}).{function}({', '.join(map(repr, arguments))})"


def _evaluate(kernel: RemoteKernel, expression: str) -> str:
    return _value(kernel, kernel.execute("", silent=True, expressions={"it": expression}))


def _value(kernel: RemoteKernel, execution: Execution) -> str:
    """Return what an expression came to, as the other side prints it."""
    values: Any = execution.finish().get("user_expressions") or {}
    value = values.get("it", {})
    if value.get("status") == "ok":
        return str(value["data"]["text/plain"])
    name, said = value.get("ename", ""), value.get("evalue", "")
    if name == "CannotTravel":
        raise CannotTravel(said)
    raise CannotTravel(f"The kernel in {kernel.name!r} could not take part: {name or 'no answer'}: {said}.")


# By a directory that both sides see.


def _by_socket(kernel: RemoteKernel, direction: str, buffers: Sequence[memoryview]) -> bool:
    """Send (``in``) or receive (``out``) by a shared directory; return whether that was possible."""
    for folder, seen_as in _shared(kernel.workspace):
        try:
            with _meeting(folder) as (listener, name, secret):
                expression = _call("by_socket", f"{seen_as}/{name}", secret, direction)
                execution = kernel.execute("", silent=True, expressions={"it": expression})
                connection = _met(listener, execution, secret)
                if connection is None:
                    execution.finish()
                    continue
                with connection:
                    _carry(connection, direction, buffers)
                _value(kernel, execution)
                return True
        except OSError:
            continue
    return False


def _shared(workspace: Workspace) -> Iterator[tuple[str, str]]:
    """Yield directories of this machine that we may write to, and where the workspace has them."""
    if not hasattr(socket, "AF_UNIX") or not Path("/proc/self/fd").exists():
        return
    for folder, bound in workspace.volumes.items():
        if bound.get("mode") == "rw" and folder.startswith("/") and os.access(folder, os.W_OK | os.X_OK):
            yield folder, bound["bind"]


@contextlib.contextmanager
def _meeting(folder: str) -> Iterator[tuple[socket.socket, str, str]]:
    """Listen in a directory while the context lasts; yields the socket, its name there and what opens it."""
    name, secret = f".workspace-{secrets.token_hex(8)}.sock", secrets.token_hex(16)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            # A path of a socket has 107 bytes at most.
            listener.bind(f"/proc/self/fd/{descriptor}/{name}")
            try:
                os.chmod(name, 0o600, dir_fd=descriptor)
                listener.listen(1)
                yield listener, name, secret
            finally:
                os.unlink(name, dir_fd=descriptor)
    finally:
        os.close(descriptor)


def _met(listener: socket.socket, execution: Execution, secret: str) -> socket.socket | None:
    """Return the connection of the other side, ``None`` where it says that it cannot."""
    listener.settimeout(LOOK_SECONDS)
    while True:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            execution.look()
            if execution.over:
                return None
            continue
        connection.settimeout(HELLO_SECONDS)
        hello = courier.room(len(secret))
        try:
            courier.receive_into(connection, hello)
        except (OSError, courier.CannotTravel):
            connection.close()
            continue
        if secrets.compare_digest(bytes(hello), secret.encode()):
            connection.settimeout(None)
            courier.widen(connection)
            return connection
        connection.close()


def _carry(connection: socket.socket, direction: str, buffers: Sequence[memoryview]) -> None:
    try:
        for buffer in buffers:
            if direction == "in":
                connection.sendall(buffer)
            else:
                courier.receive_into(connection, buffer)
    except (OSError, courier.CannotTravel):
        pass  # why it ended, the kernel's connection tells


# By the kernel's connection.


def _by_messages(kernel: RemoteKernel, direction: str, buffers: Sequence[memoryview]) -> None:
    """Send or receive in pieces, a few ahead."""
    comm = secrets.token_hex(16)
    opening = {"comm_id": comm, "target_name": TARGET, "data": {"direction": direction}}
    kernel.send("shell", "comm_open", opening)
    asked: collections.deque[tuple[memoryview, Execution]] = collections.deque()
    offset = 0
    for buffer in buffers:
        for begin in range(0, len(buffer), PIECE):
            piece = buffer[begin : begin + PIECE]
            data = {"begin": offset} if direction == "in" else {"begin": offset, "size": len(piece)}
            execution = Execution(kernel)
            sent = [piece] if direction == "in" else []
            kernel.send("shell", "comm_msg", {"comm_id": comm, "data": data}, buffers=sent, execution=execution)
            asked.append((piece, execution))
            offset += len(piece)
            if len(asked) >= AHEAD:
                _take_answer(*asked.popleft(), direction)
    while asked:
        _take_answer(*asked.popleft(), direction)
    kernel.send("shell", "comm_close", {"comm_id": comm, "data": {}})


def _take_answer(piece: memoryview, execution: Execution, direction: str) -> None:
    """Wait for the answer to a message, and take what it brings."""
    for message in execution.messages():
        if message.kind == "comm_msg":
            execution.give_up()
            place = 0
            for buffer in message.buffers if direction == "out" else ():
                piece[place : place + len(buffer)] = buffer
                place += len(buffer)
            if direction == "out" and place != len(piece):
                raise CannotTravel("The workspace sent less than it said.")
            return
        if message.kind == "status" and message.content.get("execution_state") == "idle":
            execution.give_up()
            raise CannotTravel(f"The kernel in {execution.kernel.name!r} did not answer.")
