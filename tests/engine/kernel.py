"""A kernel, used as any Jupyter client would."""

from __future__ import annotations

import json

import requests
import websocket


def run_in_kernel(base: str, token: str, code: str) -> str:
    """Run code in a new kernel as any Jupyter client would, and return what it printed."""
    headers = {"Authorization": f"token {token}"}
    kernel = requests.post(f"{base}api/kernels", headers=headers, json={}, timeout=30).json()
    socket = websocket.create_connection(
        base.replace("http", "ws", 1) + f"api/kernels/{kernel['id']}/channels", header=headers, timeout=60
    )
    message = {
        "header": {"msg_id": "1", "msg_type": "execute_request", "username": "", "session": "s", "version": "5.3"},
        "parent_header": {},
        "metadata": {},
        "content": {"code": code, "silent": False, "store_history": False, "allow_stdin": False},
        "channel": "shell",
        "buffers": [],
    }
    socket.send(json.dumps(message))
    printed = ""
    try:
        while True:
            answer = json.loads(socket.recv())
            if answer["msg_type"] == "error":
                raise AssertionError(answer["content"]["evalue"])
            if answer["msg_type"] == "stream":
                printed += answer["content"]["text"]
            # A new kernel also says that it is idle: only the word that answers our request ends the wait.
            ours = answer["parent_header"].get("msg_id") == "1"
            if ours and answer["msg_type"] == "status" and answer["content"]["execution_state"] == "idle":
                return printed
    finally:
        socket.close()
