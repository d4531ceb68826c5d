"""A real registry (Debian's docker-registry) with TLS and passwords, on loopback."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from base64 import b64encode
from pathlib import Path
from ssl import CERT_NONE, create_default_context
from typing import Any

from tests.engine.second_process import free_port, wait_until_listening

USER, PASSWORD = "anna", "correct horse"


class Registry:
    """One registry, which keeps everything in a folder.

    Parameters
    ----------
    folder
        Its own.
    address
        The address of this machine that it listens on.
    """

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        self.host = f"{address}:{free_port()}"
        self.certificate = folder / "cert.pem"
        self._folder = folder
        hashed = subprocess.run(["htpasswd", "-nbB", USER, PASSWORD], check=True, capture_output=True).stdout
        (folder / "htpasswd").write_bytes(hashed.strip() + b"\n")
        subject = ["-subj", "/CN=registry", "-addext", f"subjectAltName=IP:{address}"]
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        subprocess.run(
            [*make, *subject, "-days", "2", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
            check=True,
            capture_output=True,
        )
        config = {
            "version": 0.1,
            "log": {"accesslog": {"disabled": False}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
            "http": {
                "addr": self.host,
                "tls": {"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem")},
            },
            "auth": {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}},
        }
        (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
        self._log = (folder / "log").open("ab")
        self.start()

    def start(self) -> None:
        """Start it, again after :meth:`stop`."""
        command = ["docker-registry", "serve", str(self._folder / "config.yml")]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        address, _, port = self.host.rpartition(":")
        wait_until_listening(int(port), address=address)

    def stop(self) -> None:
        """End it; what it holds stays."""
        self._process.terminate()
        self._process.wait(10)

    @property
    def log(self) -> str:
        """What it wrote, requests included."""
        return (self._folder / "log").read_text(errors="replace")

    def get(self, path: str) -> Any:
        """Ask it something with the right password."""
        context = create_default_context()
        context.check_hostname, context.verify_mode = False, CERT_NONE
        basic = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(f"https://{self.host}{path}", headers={"Authorization": f"Basic {basic}"})
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return json.load(answer)
