"""Forwarding a WebSocket: the workspace is dialled first, then the client is told 101, then bytes are spliced."""

from __future__ import annotations

from tornado import web
from tornado.iostream import StreamClosedError

from ..errors import Forbidden, InvalidRequest, LauncherError, NotFound, WorkspaceUnreachable
from ..proxy.headers import is_websocket_upgrade, request_headers, response_headers
from ..proxy.splice import Splice, splice_stream, take_over
from ..proxy.targets import backend_path
from ..proxy.websocket import HandshakeRefused, accept_of, checked_key, dial
from .passage import Passage, WorkspaceHandler


class SocketForwarding(WorkspaceHandler):
    """A handler of WebSocket upgrades that forwards what it admits."""

    _passage: Passage | None = None
    _gone = False

    async def prepare(self) -> None:  # type: ignore[override]
        """Admit the request; a refusal is never a redirect."""
        try:
            self._passage = await self.admit()
        except (LauncherError, web.HTTPError) as error:
            self.log_exception(type(error), error, None)
            self.finish(self.set_error(error))

    def action(self) -> str:
        """Say that what passes here can do anything, as Jupyter Server says of its own sockets."""
        return "execute"

    def get_login_url(self) -> str:
        """Refuse instead of leading to a login page, which means nothing to a WebSocket."""
        raise web.HTTPError(403, "Log in first: this request carries no valid token or cookie.")

    def on_connection_close(self) -> None:
        """Remember that the client left before the workspace answered."""
        self._gone = True

    async def get(self, *_arguments: str) -> None:
        """Dial the workspace, switch protocols and splice until either side closes."""
        if self._passage is None:
            return
        try:
            await self._connect(self._passage)
        except HandshakeRefused as refused:
            error: Exception = WorkspaceUnreachable(f"The workspace refused this WebSocket ({refused.status}).")
            if refused.status == 403:
                error = Forbidden(str(error))
            elif refused.status == 404:
                error = NotFound(str(error))
            elif refused.status == 400:
                error = InvalidRequest(str(error))
            self.finish(self.set_error(error))
        except LauncherError as error:
            self.log_exception(type(error), error, None)
            self.finish(self.set_error(error))

    async def _connect(self, passage: Passage) -> None:
        request, proxy, lookup = self.request, self.services.proxy, self.lookup
        headers = request.headers
        if (
            request.version != "HTTP/1.1"
            or not is_websocket_upgrade(headers.get_all())
            or "upgrade" not in [item.strip().lower() for item in headers.get("Connection", "").split(",")]
            or headers.get("Sec-WebSocket-Version") != "13"
        ):
            raise InvalidRequest("This is not a WebSocket handshake of version 13.", reason="invalid_handshake")
        key = checked_key(headers.get_list("Sec-WebSocket-Key"))
        path = backend_path(passage.path, passage.border)
        offered = ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions")
        backend, first, answer = await dial(
            passage.endpoint,
            target=path + passage.query,
            headers=request_headers(
                headers.get_all(),
                token=passage.endpoint.token,
                client=self.client(),
                border=passage.border,
                websocket=True,
            ),
            handshake=[(name, ", ".join(headers.get_list(name))) for name in offered if name in headers],
            key=key,
            connect_timeout=proxy.connect_timeout,
            answer_timeout=proxy.first_byte_timeout,
        )
        try:
            passed = response_headers(answer, border=passage.border, path=path)
        except LauncherError:
            backend.close()
            raise
        if self._gone:
            backend.close()
            return
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"{name}: {value}" for name, value in passed if name.lower() != "sec-websocket-accept"]
        lines += [f"Sec-WebSocket-Accept: {accept_of(key)}", "", ""]
        self.set_status(101)
        self._log()
        client = self.detach()

        def touch() -> None:
            lookup.touch(passage.owner, passage.name)

        try:
            await client.write("\r\n".join(lines).encode("latin-1"))
            touch()
            taken = await take_over(client)
            if taken is None:
                with proxy.tracked(passage.workspace_id, client.close, passage.browser_user):
                    await splice_stream(client, backend, first, touch)
            else:
                splice = Splice(taken[0], backend, from_first=taken[1], from_second=first, touch=touch)
                with proxy.tracked(passage.workspace_id, splice.close, passage.browser_user):
                    await splice.run()
        except StreamClosedError:
            pass
        finally:
            client.close()
            backend.close()
