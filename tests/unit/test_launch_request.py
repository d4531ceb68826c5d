"""What a launch request may say; what it may not is refused with a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from workspace_launcher.errors import InvalidRequest
from workspace_launcher.launch_request import parse_launch_request


def test_everything_that_can_be_asked() -> None:
    request = parse_launch_request(
        {
            "name": "quiet_otter",
            "image": "workspace-launcher/lab:latest",
            "gpus": "all",
            "cpus": 1.5,
            "memory": "2g",
            "shm_size": 1 << 26,
            "environment": {"LANG": "C.UTF-8"},
            "ports": {"6006": None, "7000": 7001, "8000": ["127.0.0.2", 8001]},
            "auto_remove": True,
        }
    )
    assert request.memory == 2 << 30
    assert request.ports == {6006: ("127.0.0.1", None), 7000: ("127.0.0.1", 7001), 8000: ("127.0.0.2", 8001)}
    assert request.auto_remove


def test_nothing_has_to_be_asked() -> None:
    request = parse_launch_request({"name": None})
    assert request.name is None
    assert request.memory is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"privileged": True}, "privileged"),
        ({"cap_add": ["SYS_ADMIN"]}, "cap_add"),
        ({"user": "0"}, "user"),
        ({"name": "../x"}, "lower-case"),
        ({"name": "Upper"}, "lower-case"),
        ({"name": "a" * 41}, "1 to 40"),
        ({"name": "a.b"}, "lower-case"),
        ({"name": 5}, "lower-case"),
        ({"image": ""}, "reference"),
        ({"image": "-x"}, "reference"),
        ({"image": "a\nb"}, "reference"),
        ({"gpus": -1}, "gpus"),
        ({"gpus": True}, "gpus"),
        ({"gpus": []}, "gpus"),
        ({"cpus": 0}, "cpus"),
        ({"cpus": "2"}, "cpus"),
        ({"cpus": float("nan")}, "cpus"),
        ({"memory": -1}, "memory"),
        ({"memory": 1}, "at least 128m"),
        ({"memory": "lots"}, "8g"),
        ({"memory": "9" * 15 + "t"}, "at most"),
        ({"shm_size": "1x"}, "shm_size"),
        ({"environment": {"LD_PRELOAD": "x"}}, "LD_*"),
        ({"environment": {"NVIDIA_VISIBLE_DEVICES": "all"}}, "NVIDIA_*"),
        ({"environment": {"jupyter_token": "x"}}, "JUPYTER_*"),
        ({"environment": {"A=B": "x"}}, "environment variable"),
        ({"environment": {"A": "x\0"}}, "text"),
        ({"environment": []}, "object"),
        ({"ports": {"0": None}}, "65535"),
        ({"ports": {"80": "x"}}, "65535"),
        ({"ports": {"80": ["example", 80]}}, "IP address"),
        ({"ports": {"80": [1]}}, "address"),
        ({"volumes": []}, "object"),
        ({"volumes": {"Data": {"bind": "/x"}}}, "lower-case"),
        ({"volumes": {"data": {"bind": "/x", "propagation": "shared"}}}, "bind, mode"),
        ({"volumes": {"data": {"bind": "/x", "mode": "z"}}}, "'rw' or 'ro'"),
        ({"volumes": {"data": {"bind": "x"}}}, "absolute"),
        ({"volumes": {"data": {"bind": "/x/../etc"}}}, "absolute"),
        ({"volumes": {"data": {"bind": "/"}}}, "absolute"),
        ({"volumes": {"data": {"bind": "/run/workspace/token"}}}, "workspace itself"),
        ({"volumes": {"data": {"bind": "/etc"}}}, "workspace itself"),
        ({"volumes": {"data": {"bind": "/var/run/nvidia-container-devices/all"}}}, "workspace itself"),
        ({"gpu_wait": 1}, "true or false"),
        ({"volumes_from": "other"}, "list"),
        ({"networks": ["../x"]}, "lower-case"),
        ({"links": {"db": "Not Good"}}, "host name"),
        ({"links": {"db": "localhost"}}, "host name"),
        ({"links": {"a": "x", "b": "x"}}, "same host name"),
        ({"auto_remove": "yes"}, "true or false"),
    ],
)
def test_bad_input_gets_a_sentence(body: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_launch_request(body)
    assert says in caught.value.message
    assert caught.value.message.endswith((".", "*"))
