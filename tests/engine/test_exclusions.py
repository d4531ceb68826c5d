"""A commit that leaves something out, over REST, with a real server on a real engine."""

from __future__ import annotations

from typing import Any

from tests.engine.server import RunningServer

KEY = "AKIA" + "WLTESTEXCLUDED0X"


def test_what_is_left_out_is_in_no_byte_of_the_snapshot(server: RunningServer, engine: Any) -> None:
    server.launch(name="lean")
    where = f"/workspaces/{server.owner}/lean"
    script = f"mkdir -p ~/.aws && echo {KEY} > ~/.aws/credentials && echo kept > /opt/conda/kept"
    assert server.api("POST", f"{where}/exec", json={"command": ["sh", "-c", script]}, status=200)["exit_code"] == 0
    body = {"tag": "lean", "exclude": ["/home/workspace/.aws"]}
    operation = server.api("POST", f"{where}/commit", json=body, status=202)
    done = server.until(f"/operations/{operation['id']}", lambda row: row["state"] != "running")
    assert done["state"] == "succeeded", (done, server.tail())
    saved = b"".join(engine.images.get(done["result"]["reference"]).save())
    assert b"opt/conda/kept" in saved
    assert KEY.encode() not in saved
    server.api("POST", f"{where}/commit", json={"exclude": ["relative"]}, status=400)
