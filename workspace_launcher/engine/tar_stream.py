"""Archives in tar's format as they come, from whoever: read once from front to end, whatever they claim.

The standard library's reader takes as much into memory as a header says. This one takes a bounded number of bounded members,
of the kinds that archives of images have. Formats: POSIX ustar and pax (IEEE Std 1003.1, *pax Interchange Format*) and GNU's
long names. Pure.
"""

from __future__ import annotations

import posixpath
import tarfile
import zlib
from collections.abc import Callable, Iterator

from ..errors import InvalidRequest, RequestTooLarge
from ..sizes import format_size

BLOCK = tarfile.BLOCKSIZE
PIECE = 1 << 18
"""Bytes that are read at once."""
MOST_MEMBERS = 10_000
LONGEST_HEADER = 1 << 20
"""Bytes of a header that gives the next member a longer name or another size."""
GZIP = b"\x1f\x8b"
_LINKS = (tarfile.SYMTYPE, tarfile.LNKTYPE)
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)
_LONG = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}

Read = Callable[[], bytes]
"""Returns the next bytes, some or many; none at the end."""


def refused(what: str) -> InvalidRequest:
    """Return the error for a file that is no image's archive."""
    return InvalidRequest(f"The file cannot be imported: {what}.", reason="invalid_archive")


class Gunzip:
    """Unpacks what is packed by gzip, piece by piece, however much it becomes."""

    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(wbits=31)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what some bytes unpack to, at most ``PIECE`` of it at once."""
        try:
            while data:
                if self._unpacker.eof:
                    if not data.strip(b"\0"):
                        return
                    self._unpacker = zlib.decompressobj(wbits=31)
                if piece := self._unpacker.decompress(data, PIECE):
                    yield piece
                data = self._unpacker.unused_data if self._unpacker.eof else self._unpacker.unconsumed_tail
            while not self._unpacker.eof and (piece := self._unpacker.decompress(b"", PIECE)):
                yield piece
        except zlib.error:
            raise refused("what is packed in it is damaged") from None

    @property
    def is_over(self) -> bool:
        """Whether it was whole."""
        return self._unpacker.eof


class Allowance:
    """How many bytes may still come."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.used = 0

    def take(self, size: int) -> None:
        """Count some; ``RequestTooLarge`` where they are more than allowed."""
        self.used += size
        if self.used > self._limit:
            raise RequestTooLarge(
                f"The file may have at most {format_size(self._limit)}, unpacked. The server's operator can allow more "
                "(WorkspaceConfig.max_import_bytes)."
            )


class Source:
    """The bytes of an archive, unpacked where they are packed by gzip."""

    def __init__(self, read: Read, allowance: Allowance) -> None:
        self._pieces = self._counted(read, allowance)
        self._rest = bytearray()
        self._over = False

    def _counted(self, read: Read, allowance: Allowance) -> Iterator[bytes]:
        for piece in _unpacked(read):
            allowance.take(len(piece))
            yield piece

    def _more(self) -> bool:
        piece = next(self._pieces, b"")
        self._rest += piece
        self._over = not piece
        return not self._over

    def exactly(self, size: int) -> bytes:
        """Return so many bytes; where the archive ends before, it is refused."""
        while len(self._rest) < size:
            if not self._more():
                raise refused("it ends too early")
        taken = bytes(self._rest[:size])
        del self._rest[:size]
        return taken

    def some(self, most: int) -> bytes:
        """Return what there is, at least a byte and no more than so many."""
        while not self._rest:
            if not self._more():
                raise refused("it ends too early")
        taken = bytes(self._rest[:most])
        del self._rest[:most]
        return taken

    def drain(self) -> None:
        """Read to the end."""
        self._rest.clear()
        for _ in self._pieces:
            pass


def _unpacked(read: Read) -> Iterator[bytes]:
    begin = b""
    while len(begin) < len(GZIP) and (piece := read()):
        begin += piece
    packed = Gunzip() if begin.startswith(GZIP) else None
    piece = begin
    while piece:
        yield from packed.pieces(piece) if packed else (piece,)
        piece = read()
    if packed is not None and not packed.is_over:
        raise refused("it ends too early")


class Member:
    """A file or link of an archive. Its content is read, once and in order, before the next member."""

    def __init__(self, name: str, size: int, link: str | None, source: Source) -> None:
        self.name = name
        """Without ``.`` and ``..``, relative."""
        self.size = size
        self.link = link
        """What it leads to, in the same form, where it is a link."""
        self._source = source
        self._left = size

    def pieces(self) -> Iterator[bytes]:
        """Yield what of its content has not been read."""
        while self._left:
            piece = self._source.some(min(self._left, PIECE))
            self._left -= len(piece)
            yield piece

    def begin(self, size: int) -> bytes:
        """Read so many bytes of it, fewer where it has no more."""
        piece = self._source.exactly(min(size, self._left))
        self._left -= len(piece)
        return piece

    def skip(self) -> None:
        """Read to its end, padding included."""
        for _ in self.pieces():
            pass
        self._source.exactly(-self.size % BLOCK)


def members(source: Source) -> Iterator[Member]:
    """Yield the files and links of an archive, each with its content to be read before the next.

    Raises
    ------
    InvalidRequest
        It is no archive in tar's format, is cut short, or has members that no archive of an image has.
    """
    told: dict[str, str] = {}
    for number in range(MOST_MEMBERS):
        block = source.exactly(BLOCK)
        if not any(block):
            source.drain()
            return
        header = parsed(block)
        if header is None:
            raise refused("it is no tar archive" if not number else "it is damaged")
        if header.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, *_LONG):
            content = _extended(source, header.size)
            if header.type == tarfile.XHDTYPE:
                told.update(_records(content))
            elif header.type in _LONG:
                told[_LONG[header.type]] = content.rstrip(b"\0").decode("utf-8", "surrogateescape")
            continue
        if header.type == tarfile.DIRTYPE:
            told = {}
            continue
        if header.type not in (*_FILES, *_LINKS) or any(key.startswith("GNU.sparse") for key in told):
            raise refused("it holds what is neither a file nor a folder")
        name = _inside(told.get("path", header.name))
        link = None
        size = header.size if header.type in _FILES else 0
        if header.type in _FILES:
            size = _number(told["size"]) if "size" in told else size
        else:
            link = told.get("linkpath", header.linkname)
            link = _inside(posixpath.join(posixpath.dirname(name), link) if header.type == tarfile.SYMTYPE else link)
        told = {}
        member = Member(name, size, link, source)
        yield member
        member.skip()
    raise refused(f"it has more than {MOST_MEMBERS} members")


def parsed(block: bytes) -> tarfile.TarInfo | None:
    """Return the header that a block is, if it is one."""
    try:
        found = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return None
    return found if found.size >= 0 else None


def _extended(source: Source, size: int) -> bytes:
    if size > LONGEST_HEADER:
        raise refused("it has a header that is too long")
    content = source.exactly(size)
    source.exactly(-size % BLOCK)
    return content


def _records(content: bytes) -> dict[str, str]:
    """Read the records of an extended header, ``<length> <key>=<value>\\n`` each."""
    found = {}
    while content:
        length, space, _ = content.partition(b" ")
        if not space or not length.isdigit() or len(length) > 8 or not len(length) + 1 < int(length) <= len(content):
            raise refused("it is damaged")
        key, _, value = content[len(length) + 1 : int(length) - 1].partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        content = content[int(length) :]
    return found


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise refused("it is damaged")
    return int(text)


def _inside(name: str) -> str:
    """Return a member's name in its shortest form; one that leads out of the archive is refused."""
    if name.startswith("/") or "\0" in name:
        raise refused("it holds a name that leads out of it")
    short = posixpath.normpath(name)
    if short == ".." or short.startswith("../"):
        raise refused("it holds a name that leads out of it")
    return short
