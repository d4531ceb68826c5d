"""How values travel: what comes out is what went in, and what is not trusted is not taken."""

from __future__ import annotations

import base64
import io
import pickle
import secrets
import threading
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from workspace_launcher.client import sockets
from workspace_launcher.magic import courier
from workspace_launcher.magic.courier import CannotTravel, pack, unpack
from workspace_launcher.magic.wire import Message
from workspace_launcher.magic.wire import pack as pack_message
from workspace_launcher.magic.wire import unpack as unpack_message


def there_and_back(value: Any, *, allow_pickle: bool = False) -> Any:
    words, buffers = pack("x", value, allow_pickle)
    data = bytearray(b"".join(bytes(buffer) for buffer in buffers))
    assert len(data) == words["size"]
    return unpack(words, data, allow_pickle)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(24)[::-2],
        np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1),
        np.zeros((0, 4)),
        np.array(3),
        np.float32(1.5),
        np.datetime64("2026-01-01"),
        np.array(["é", "日本"]),
        np.array([b"a", b""]),
        np.zeros(2, [("a", ">i4"), ("b", "f8", (2,))]),
        np.array([True, False]),
        np.array([1 + 2j]),
        np.zeros(3, "S0"),
    ],
)
def test_arrays(array: Any) -> None:
    back = there_and_back(array)
    assert type(back) is type(array) and back.dtype == array.dtype and back.shape == array.shape
    assert np.array_equal(back, array)
    if isinstance(array, np.ndarray) and array.size:
        assert back.flags.writeable


def test_an_array_is_not_copied_on_its_way() -> None:
    for array in (np.ones((300, 200)), np.asfortranarray(np.ones((300, 200)))):
        words, (buffer,) = pack("x", array, False)
        assert np.shares_memory(np.frombuffer(buffer, np.uint8), array)
        target = courier.room(words["size"])
        assert np.shares_memory(unpack(words, target, False), np.frombuffer(target, np.uint8))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -(10**30),
        1.5,
        float("inf"),
        "é\x00",
        [],
        (1, (2,)),
        {"a": [1, {"b": (None,)}], 2: "c", (1, 2): {3}},
        frozenset({1}),
        b"\x00\xff",
        bytearray(b"ab"),
        2 - 3j,
    ],
)
def test_plain_values(value: Any) -> None:
    back = there_and_back(value)
    assert back == value and type(back) is type(value)


def test_data_frames() -> None:
    frame = pd.DataFrame(
        {"a": [1, 2], "b": ["x", None], "c": pd.to_datetime(["2026-01-01", None])}, index=pd.Index([5, 7], name="n")
    )
    pd.testing.assert_frame_equal(there_and_back(frame), frame)
    table = pa.table({"a": [1, 2]})
    assert there_and_back(table).equals(table)
    with pytest.raises(CannotTravel, match="has what Arrow does not"):
        pack("x", pd.DataFrame({"a": [1, "x", object()]}), False)
    with pytest.raises(CannotTravel, match="pyarrow is not installed in the workspace"):
        pack("x", frame, False, other_has_arrow=False)
    words, (data,) = pack("x", frame, True, other_has_arrow=False)
    assert words["kind"] == "pickle" and pickle.loads(data).equals(frame)


class Bomb:
    """Does something when it is opened."""

    opened = False

    def __reduce__(self) -> Any:
        return setattr, (Bomb, "opened", True)


@pytest.mark.parametrize("value", [lambda: 1, object(), np.array([Bomb()], object), [Bomb()], Bomb(), np.ma.array([1])])
def test_what_needs_a_pickle_says_so(value: Any) -> None:
    with pytest.raises(CannotTravel, match="--allow-pickle allows it"):
        pack("x", value, False)


def test_a_list_in_itself() -> None:
    knot: list[Any] = []
    knot.append(knot)
    with pytest.raises(CannotTravel, match="of type list"):
        pack("x", knot, False)


def test_no_pickle_is_opened_unasked() -> None:
    data = pickle.dumps(Bomb())
    with pytest.raises(CannotTravel, match="not taken here"):
        unpack({"kind": "pickle", "size": len(data)}, bytearray(data), False)
    # Nor one that calls itself an array.
    header = io.BytesIO()
    np.lib.format.write_array_header_2_0(header, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    words = {"kind": "npy", "header": base64.b64encode(header.getvalue()).decode(), "scalar": False, "size": 8}
    with pytest.raises(CannotTravel, match="Python objects"):
        unpack(words, bytearray(8), False)
    assert not Bomb.opened
    with pytest.raises(CannotTravel, match="cannot be pickled"):
        pack("x", lambda: 1, True)


@pytest.mark.parametrize("length", [0, 7, 9])
def test_an_array_that_is_not_as_long_as_it_says(length: int) -> None:
    words, _ = pack("x", np.ones(1), False)
    with pytest.raises(CannotTravel, match="not as long"):
        unpack(words, bytearray(length), False)


def test_messages() -> None:
    identifier, data = pack_message("shell", "comm_msg", {"é": [1]}, session="s", buffers=[b"ab", memoryview(b"c")])
    message = unpack_message(data)
    assert (message.channel, message.kind, message.content, message.parent) == ("shell", "comm_msg", {"é": [1]}, "")
    assert [bytes(buffer) for buffer in message.buffers] == [b"ab", b"c"] and len(identifier) == 32
    assert Message("a", "b", {}).buffers == ()


@pytest.mark.parametrize("data", [b"", b"\x01", b"\xff" * 8, b"\x01" + bytes(15), bytes(64), b"{}" * 40])
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(ValueError):
        unpack_message(data)


class Wire:
    """Takes what is sent, as a WebSocket's socket and lock do."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sock, self.data = self, b""

    def sendall(self, data: bytes) -> None:
        self.data += bytes(data)


@pytest.mark.parametrize("extra", range(4))
def test_a_large_message_is_one_masked_frame(extra: int) -> None:
    data, wire = secrets.token_bytes(sockets.LARGE + extra), Wire()
    sockets.send(wire, data)
    assert wire.data[:2] == b"\x82\xff" and int.from_bytes(wire.data[2:10], "big") == len(data)
    key, masked = wire.data[10:14], wire.data[14:]
    assert bytes(byte ^ key[place % 4] for place, byte in enumerate(masked)) == data
