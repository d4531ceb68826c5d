"""F2: bytes from a client to an endpoint and back; knows nothing of containers."""
