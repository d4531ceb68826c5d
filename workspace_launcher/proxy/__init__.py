"""F2: HTTP and WebSocket to workspaces. Knows an ``Endpoint`` and nothing of containers or handlers."""

from .lookup import EndpointLookup
from .proxy import Proxy

__all__ = ["EndpointLookup", "Proxy"]
