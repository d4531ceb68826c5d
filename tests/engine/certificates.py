"""A certificate authority of the tests' own, made with openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path


class Authority:
    """Issues certificates for an engine and for its clients, as files in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True)
        self.certificate = directory / "ca.pem"
        self._key = directory / "ca-key.pem"
        self._make_key(self._key)
        self._run(
            "req", "-x509", "-new", "-key", self._key, "-subj", "/CN=wltest CA", "-days", "2", "-out", self.certificate
        )

    def issue(self, name: str, *, usage: str, addresses: tuple[str, ...] = ()) -> tuple[Path, Path]:
        """Return certificate and key for ``serverAuth`` or ``clientAuth``; a server's holds its IP addresses."""
        certificate, key = self.directory / f"{name}.pem", self.directory / f"{name}-key.pem"
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        self._make_key(key)
        self._run("req", "-new", "-key", key, "-subj", f"/CN=wltest {name}", "-out", request)
        lines = [f"extendedKeyUsage={usage}"]
        if addresses:
            lines.append("subjectAltName=" + ",".join(f"IP:{address}" for address in addresses))
        extensions.write_text("\n".join(lines))
        self._run(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial"),
            *("-days", "2", "-extfile", extensions, "-out", certificate),
        )
        return certificate, key

    def client_directory(self, place: Path, *, authority: Authority | None = None, certificate: bool = True) -> Path:
        """Make what ``DOCKER_CERT_PATH`` names: ``ca.pem``, and ``cert.pem`` and ``key.pem`` of a client.

        Parameters
        ----------
        authority
            The one to trust, if it is not this one.
        certificate
            Whether the client has one.
        """
        place.mkdir(parents=True)
        (place / "ca.pem").write_bytes((authority or self).certificate.read_bytes())
        if certificate:
            made, key = self.issue(f"client-{place.name}", usage="clientAuth")
            (place / "cert.pem").write_bytes(made.read_bytes())
            (place / "key.pem").write_bytes(key.read_bytes())
        return place

    def _make_key(self, path: Path) -> None:
        self._run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)

    @staticmethod
    def _run(*arguments: str | Path) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=30)
