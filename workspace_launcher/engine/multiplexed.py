"""The frames in which an engine sends the two outputs of a container without a terminal over one stream. Pure.

Each frame is ``[stream, 0, 0, 0, size (4 bytes, big-endian)]`` and then ``size`` bytes (Docker Engine API,
*ContainerAttach*, *Stream format*).
"""

from __future__ import annotations

import struct

_HEADER = struct.Struct(">BxxxL")


class Frames:
    """Takes the stream apart as it comes; a frame's bytes are given on before the frame is complete."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    def feed(self, data: bytes) -> bytes:
        """Return what both outputs hold in the next piece of the stream, in order."""
        output = bytearray()
        view = memoryview(data)
        while view:
            if self._left:
                piece = view[: self._left]
                output += piece
                self._left -= len(piece)
                view = view[len(piece) :]
                continue
            missing = _HEADER.size - len(self._head)
            self._head += bytes(view[:missing])
            view = view[missing:]
            if len(self._head) == _HEADER.size:
                self._left = _HEADER.unpack(self._head)[1]
                self._head = b""
        return bytes(output)
