"""An image of a few hundred kilobytes in a lab's place: a web server that wants the token of its launch."""

from __future__ import annotations

import io
import tarfile
from typing import Any

from tests.engine.conftest import PREFIX, TINY

STAND_IN = f"{PREFIX}stand-in:latest"

# Answers every request with what it was told at its start, or with 403.
SERVE = r"""#!/bin/sh
token=$(cat "$JUPYTER_TOKEN_FILE")
status='403 Forbidden' body='{}'
while IFS= read -r line; do
    line=${line%?}
    [ -n "$line" ] || break
    [ "$line" != "Authorization: token $token" ] || status='200 OK'
done
[ "$status" != '200 OK' ] || body=$(cat "$JUPYTER_CONFIG_PATH/jupyter_server_config.json")
printf 'HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' \
    "$status" "${#body}" "$body"
"""
DOCKERFILE = f"""
FROM {TINY}
COPY serve /bin/serve
RUN mkdir -p /home/workspace/notebooks && chmod 2777 /home/workspace/notebooks
CMD ["nc", "-ll", "-p", "8888", "-e", "/bin/serve"]
"""


def build_stand_in(api: Any) -> str:
    """Build it in an engine that has the tiny image."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, content in (("Dockerfile", DOCKERFILE), ("serve", SERVE)):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content.encode()))
    context.seek(0)
    told = list(api.build(fileobj=context, custom_context=True, tag=STAND_IN, rm=True, decode=True))
    assert api.images(STAND_IN), told
    return STAND_IN
