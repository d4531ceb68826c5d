"""Messages to and from a kernel as they pass a WebSocket: the protocol ``v1.kernel.websocket.jupyter.org``. Pure.

A message is a number of offsets, the offsets, and then what they are of: channel, header, parent header, metadata, content
and binary buffers. Numbers are 64 bits, little-endian, as in ``jupyter_server.services.kernels.connection.base``.
"""

from __future__ import annotations

import datetime
import itertools
import json
import struct
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PROTOCOL = "v1.kernel.websocket.jupyter.org"
VERSION = "5.3"
"""Of Jupyter's messages."""

Buffer = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Message:
    """One message; ``parent`` is the ID of the request that it is about, empty where it is about none."""

    channel: str
    kind: str
    content: Mapping[str, Any]
    parent: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    buffers: Sequence[Buffer] = ()


def pack(
    channel: str, kind: str, content: Mapping[str, Any], *, session: str, buffers: Sequence[Buffer] = ()
) -> tuple[str, bytes]:
    """Return the ID of a new message and its bytes."""
    identifier = uuid.uuid4().hex
    header = {
        "msg_id": identifier,
        "msg_type": kind,
        "username": "",
        "session": session,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "version": VERSION,
    }
    parts: list[Buffer] = [channel.encode(), *(json.dumps(part).encode() for part in (header, {}, {}, content))]
    parts += buffers
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return identifier, b"".join([struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets), *parts])


def unpack(data: bytes) -> Message:
    """Return a message; ``ValueError`` says that it is none."""
    view = memoryview(data)
    try:
        (count,) = struct.unpack_from("<Q", view)
        offsets = struct.unpack_from(f"<{count}Q", view, 8)
        parts = [view[begin:end] for begin, end in itertools.pairwise(offsets)]
        header, parent, metadata, content = (json.loads(bytes(part)) for part in parts[1:5])
        return Message(
            channel=bytes(parts[0]).decode(),
            kind=header["msg_type"],
            content=content,
            parent=parent.get("msg_id", ""),
            metadata=metadata,
            buffers=parts[5:],
        )
    except (struct.error, KeyError, IndexError, TypeError, AttributeError, MemoryError) as error:
        raise ValueError(f"no message of {PROTOCOL}: {error}") from None
