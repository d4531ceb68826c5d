"""Values on their way between two Python processes. This file is also sent to the workspace's kernel and runs there.

So it stands alone: the standard library of Python 3.9, and numpy and pyarrow where they are. ``pack`` makes of a value
a few words of JSON and the buffers that follow; ``unpack`` makes a value of the words and of one buffer.

Nothing that comes is trusted: arrays are raw numbers behind a header that numpy parses as a literal, tables are Arrow,
the rest is JSON. Only who says so takes a pickle, which may do anything to the process that opens it.
"""

from __future__ import annotations

import base64
import difflib
import io
import json
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any

BLOCK = 1 << 20
INLINE = 1 << 17
"""Bytes up to which values travel in the words themselves."""
PLAIN = (type(None), bool, int, float, str)
FRAMES = {"pandas": "DataFrame", "polars": "DataFrame", "pyarrow": "Table"}


Words = dict[str, Any]
Packed = tuple[Words, list[Any]]


class CannotTravel(Exception):
    """A value cannot be sent or received; the message is a sentence."""


# Values.


def pack(name: str, value: Any, allow_pickle: bool, other_has_arrow: bool = True) -> Packed:
    """Return a value as words and buffers; ``other_has_arrow`` says whether the other side has pyarrow."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and (type(value) in (numpy.ndarray, numpy.memmap) or isinstance(value, numpy.generic)):
        if not value.dtype.hasobject:
            return _pack_array(numpy, value)
        what = "an array of Python objects"
    elif _frame(value):
        why = _no_arrow(other_has_arrow)
        if not why:
            return _pack_frame(name, value)
        if not allow_pickle:
            raise CannotTravel(f"{name!r} is a data frame, which travels by Arrow, and {why}.")
        what = "a data frame"
    else:
        try:
            data = json.dumps(_plain(value)).encode()
            return {"kind": "json", "size": len(data)}, [data]
        except (TypeError, ValueError, RecursionError):
            what = f"of type {type(value).__name__}"
    if not allow_pickle:
        raise CannotTravel(
            f"{name!r} is {what}, which travels as a pickle alone, and a pickle may run any code where it is opened. "
            "--allow-pickle allows it."
        )
    import pickle

    try:
        data = pickle.dumps(value, protocol=4)
    except Exception as error:
        raise CannotTravel(f"{name!r} is {what} and cannot be pickled: {error}.") from None
    return {"kind": "pickle", "size": len(data)}, [data]


def unpack(words: Words, buffer: Any, allow_pickle: bool) -> Any:
    """Return the value that words and the bytes behind them mean."""
    kind = words["kind"]
    if kind == "npy":
        return _unpack_array(words, buffer)
    if kind == "arrow":
        return _unpack_frame(words, buffer)
    if kind == "json":
        return _value(json.loads(bytes(buffer)))
    if kind == "pickle" and allow_pickle:
        import pickle

        return pickle.loads(buffer)
    raise CannotTravel(f"What came is {kind!r}, which is not taken here.")


def _pack_array(numpy: Any, value: Any) -> Packed:
    array = numpy.asarray(value)
    fortran = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
    if not fortran:
        array = numpy.ascontiguousarray(array).reshape(array.shape)
    header = io.BytesIO()
    described = {
        "descr": numpy.lib.format.dtype_to_descr(array.dtype),
        "fortran_order": fortran,
        "shape": array.shape,
    }
    numpy.lib.format.write_array_header_2_0(header, described)
    words = {
        "kind": "npy",
        "header": base64.b64encode(header.getvalue()).decode(),
        "scalar": isinstance(value, numpy.generic),
        "size": array.nbytes,
    }
    flat = (array.T if fortran else array).reshape(-1)
    return words, [memoryview(flat.view(numpy.uint8))] if array.nbytes else []


def _unpack_array(words: Words, buffer: Any) -> Any:
    try:
        import numpy
    except ImportError:
        raise CannotTravel(f"an array came, and numpy is not installed in {sys.prefix}") from None
    header = io.BytesIO(base64.b64decode(words["header"]))
    numpy.lib.format.read_magic(header)
    shape, fortran, dtype = numpy.lib.format.read_array_header_2_0(header)
    if dtype.hasobject:
        raise CannotTravel("An array of Python objects is not taken.")
    count = 1
    for length in shape:
        count *= length
    if count * dtype.itemsize != len(buffer):
        raise CannotTravel("What came is not as long as its header says.")
    array = numpy.frombuffer(buffer, dtype, count) if count and dtype.itemsize else numpy.empty(shape, dtype)
    array = array.reshape(shape[::-1]).T if fortran else array.reshape(shape)
    return array[()] if words["scalar"] else array


def _frame(value: Any) -> bool:
    package = type(value).__module__.partition(".")[0]
    return type(value).__name__ == FRAMES.get(package)


def has_arrow() -> bool:
    """Return whether this process has pyarrow."""
    import importlib.util

    return importlib.util.find_spec("pyarrow") is not None


def _no_arrow(other_has_arrow: bool) -> str:
    if not has_arrow():
        return f"pyarrow is not installed {PLACE}: '{INSTALL}' in a cell {PLACE} installs it"
    if not other_has_arrow:
        return f"pyarrow is not installed {OTHER_PLACE}: '{INSTALL}' in a cell {OTHER_PLACE} installs it"
    return ""


# Said from the side that runs this; the workspace's is told otherwise when it gets this file.
PLACE, OTHER_PLACE = "here", "in the workspace"
INSTALL = "%pip install pyarrow"


def _pack_frame(name: str, value: Any) -> Packed:
    import pyarrow

    package = type(value).__module__.partition(".")[0]
    try:
        if package == "pandas":
            table = pyarrow.Table.from_pandas(value)
        else:
            table = value.to_arrow() if package == "polars" else value
    except pyarrow.ArrowException as error:
        raise CannotTravel(f"{name!r} has what Arrow does not: {error}.") from None
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    data = memoryview(sink.getvalue()).cast("B")
    return {"kind": "arrow", "package": package, "size": len(data)}, [data]


def _unpack_frame(words: Words, buffer: Any) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise CannotTravel(f"A data frame came, and {_no_arrow(True)}.") from None
    table = pyarrow.ipc.open_stream(pyarrow.py_buffer(buffer)).read_all()
    package = words["package"]
    try:
        if package == "pandas":
            return table.to_pandas()
        if package == "polars":
            import polars

            return polars.from_arrow(table)
    except ImportError:
        raise CannotTravel(f"A data frame of {package} came, and {package} is not installed {PLACE}.") from None
    return table


def _plain(value: Any) -> Any:
    """Return a value of Python's own types as JSON: what is no scalar as its kind and its content."""
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind in (list, tuple, set, frozenset):
        return [kind.__name__, [_plain(item) for item in value]]
    if kind is dict:
        return ["dict", [[_plain(key), _plain(item)] for key, item in value.items()]]
    if kind in (bytes, bytearray):
        return [kind.__name__, base64.b64encode(value).decode()]
    if kind is complex:
        return ["complex", [value.real, value.imag]]
    raise TypeError(kind.__name__)


def _value(plain: Any) -> Any:
    if type(plain) in PLAIN:
        return plain
    kind, content = plain
    if kind == "dict":
        return {_value(key): _value(item) for key, item in content}
    if kind in ("bytes", "bytearray"):
        data = base64.b64decode(content)
        return data if kind == "bytes" else bytearray(data)
    if kind == "complex":
        return complex(*content)
    return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind](_value(item) for item in content)


# Bytes.


def room(size: int) -> memoryview:
    """Return a buffer that can be written to; one of numpy's is not filled with zeros first."""
    try:
        import numpy

        made: memoryview = numpy.empty(size, numpy.uint8).data
        return made
    except ImportError:
        return memoryview(bytearray(size))


def receive_into(connection: socket.socket, buffer: memoryview) -> None:
    """Fill a buffer from a socket."""
    while len(buffer):
        count = connection.recv_into(buffer, min(len(buffer), 16 * BLOCK))
        if not count:
            raise CannotTravel("The connection ended before all was there.")
        buffer = buffer[count:]


def widen(connection: socket.socket) -> None:
    """Let much be on its way at once."""
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        connection.setsockopt(socket.SOL_SOCKET, option, BLOCK)


# The workspace's side. Each function answers with a text of JSON, which comes back as the value of an expression.

_waiting: dict[str, Any] = {}


def _shell() -> Any:
    from IPython import get_ipython

    return get_ipython()


def offer(names: list[str], allow_pickle: bool, other_has_arrow: bool) -> str:
    """Pack variables of the user's; what is small is answered at once, the rest waits to be sent."""
    names_here = _shell().user_ns
    answer, waiting = [], []
    for name in names:
        if name not in names_here:
            close = difflib.get_close_matches(name, [key for key in names_here if not key.startswith("_")], n=1)
            guess = f" Did you mean {close[0]!r}?" if close else ""
            raise CannotTravel(f"There is no variable {name!r} in the workspace.{guess}")
        words, buffers = pack(name, names_here[name], allow_pickle, other_has_arrow)
        words["name"] = name
        if words["size"] <= INLINE:
            words["inline"] = base64.b64encode(b"".join(buffers)).decode()
        else:
            waiting += buffers
        answer.append(words)
    _waiting["out"] = waiting
    return json.dumps(answer)


def expect(words: list[Words], allow_pickle: bool) -> str:
    """Take the words of values that will come; those that came with them are there at once."""
    _waiting["in"] = [(one, None if "inline" in one else room(one["size"]), allow_pickle) for one in words]
    return "null" if any(buffer is not None for _, buffer, _ in _waiting["in"]) else done()


def done() -> str:
    """Give the user the values that have come."""
    user_ns = _shell().user_ns
    for words, buffer, allow_pickle in _waiting.pop("in"):
        data = base64.b64decode(words["inline"]) if buffer is None else buffer
        user_ns[words["name"]] = unpack(words, bytearray(data) if buffer is None else data, allow_pickle)
    return "null"


def by_socket(path: str, secret: str, direction: str) -> str:
    """Send or receive by a socket in a directory that both sides see."""
    connection = socket.socket(socket.AF_UNIX)
    with connection:
        folder, name = os.path.split(path)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            # A path of a socket has 107 bytes at most.
            connection.connect(f"/proc/self/fd/{descriptor}/{name}")
        finally:
            os.close(descriptor)
        widen(connection)
        connection.sendall(secret.encode())
        if direction == "out":
            for buffer in _waiting.pop("out"):
                connection.sendall(buffer)
            return "null"
        for _, buffer, _ in _waiting["in"]:
            if buffer is not None:
                receive_into(connection, buffer)
    return done()


def _flat(direction: str) -> list[tuple[int, memoryview]]:
    """Return what is on its way as (offset, buffer), the buffers as if they were one."""
    offset, rows = 0, []
    buffers = _waiting["out"] if direction == "out" else [row[1] for row in _waiting["in"] if row[1] is not None]
    for buffer in buffers:
        view = memoryview(buffer).cast("B")
        rows.append((offset, view))
        offset += len(view)
    return rows


def _piece(rows: list[tuple[int, memoryview]], begin: int, size: int) -> Iterator[memoryview]:
    """Yield the parts of buffers that a piece of the whole lies in."""
    for offset, view in rows:
        low, high = max(begin, offset), min(begin + size, offset + len(view))
        if low < high:
            yield view[low - offset : high - offset]


def _opened(comm: Any, opening: Any) -> None:
    """Send or take pieces by messages; where no directory is shared."""
    rows = _flat(opening["content"]["data"]["direction"])

    def answer(message: Any) -> None:
        data = message["content"]["data"]
        if "size" in data:
            comm.send({}, buffers=[bytes(part) for part in _piece(rows, data["begin"], data["size"])])
            return
        source = memoryview(message["buffers"][0]).cast("B")
        for part in _piece(rows, data["begin"], len(source)):
            part[:] = source[: len(part)]
            source = source[len(part) :]
        comm.send({})

    comm.on_msg(answer)


def settle_in(target: str) -> str:
    """Make ready on the workspace's side; answers whether it has pyarrow."""
    global PLACE, OTHER_PLACE
    PLACE, OTHER_PLACE = "in the workspace", "here"
    _shell().kernel.comm_manager.register_target(target, _opened)
    return json.dumps({"arrow": has_arrow()})
