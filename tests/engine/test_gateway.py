"""A stock Jupyter server, which knows nothing of the launcher, runs its kernels in a workspace."""

from __future__ import annotations

from pathlib import Path

from tests.engine.kernel import run_in_kernel
from tests.engine.server import RunningServer


def test_a_stock_server_takes_a_workspace_for_its_gateway(server: RunningServer, tmp_path: Path) -> None:
    workspace = server.launch(name="remote")
    stock = RunningServer(
        tmp_path / "stock",
        "nobody",
        "--ServerApp.jpserver_extensions={'workspace_launcher': False}",
        f"--gateway-url={server.url}{workspace['url']}",
        f"--GatewayClient.auth_token={server.token}",
    )
    try:
        assert stock.session.get(f"{stock.url}/workspace-launcher/api/info", timeout=10).status_code == 404
        where = run_in_kernel(f"{stock.url}/", stock.token, "import socket; print(socket.gethostname())")
        assert where.strip() == workspace["id"]
    finally:
        stock.stop()
