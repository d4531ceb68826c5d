"""Archives that were written to do harm, and those of engines of all ages: what an engine is given of them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.fake_archives import add, archive, digest, layer_of
from workspace_launcher.engine.image_arrival import Arrival, Labels
from workspace_launcher.engine.tar_stream import MOST_MEMBERS
from workspace_launcher.errors import InvalidRequest, RequestTooLarge

LIMIT = 8 << 20
LAYERS = [layer_of("one"), layer_of("two"), layer_of("one")]
Fill = Callable[[tarfile.TarFile], None]


def config(layers: list[bytes] = LAYERS, **values: Any) -> dict[str, Any]:
    rootfs = {"type": "layers", "diff_ids": [digest(layer) for layer in layers]}
    return {"os": "linux", "config": {"Labels": {"a": "1"}}, "rootfs": rootfs, **values}


def passed(body: bytes, *, limit: int = LIMIT, step: int = 1000) -> tuple[bytes, Labels]:
    """Return what an engine is given, and the labels that were told."""
    parts: Iterator[bytes] = iter([body[begin : begin + step] for begin in range(0, len(body), step)])
    told: list[Labels] = []

    def admit(labels: Labels) -> tuple[str, Labels]:
        told.append(labels)
        return "ann/cat:one", {**labels, "ours": "yes"}

    given = b"".join(Arrival(lambda: next(parts, b""), limit=limit).pieces(admit))
    return given, told[0]


def look(given: bytes) -> tuple[dict[str, Any], dict[str, Any], list[bytes]]:
    """Return manifest, configuration and layers of what an engine is given."""
    with tarfile.open(fileobj=io.BytesIO(given)) as tar:
        assert all(member.isreg() for member in tar)
        contents = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    (manifest,) = json.loads(contents["manifest.json"])
    assert set(contents) == {"manifest.json", manifest["Config"], *manifest["Layers"]}
    return manifest, json.loads(contents[manifest["Config"]]), [contents[name] for name in manifest["Layers"]]


def written(*fill: Fill) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for one in fill:
            one(tar)
    return buffer.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Fill:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return lambda tar: tar.addfile(member)


def file(name: str, content: bytes) -> Fill:
    return lambda tar: add(tar, name, content)


def text(name: str, value: Any) -> Fill:
    return file(name, json.dumps(value).encode())


def folder(name: str) -> Fill:
    member = tarfile.TarInfo(name)
    member.type = tarfile.DIRTYPE
    return lambda tar: tar.addfile(member)


def classic(*more: Fill, names: tuple[str, ...] = ("a/layer.tar", "b/layer.tar", "c/layer.tar")) -> bytes:
    """As engines to 24 write it: equal layers are links."""
    manifest = [{"Config": "f.json", "RepoTags": ["bob/secret:one"], "Layers": list(names)}]
    return written(
        folder("a"), file("a/VERSION", b"1.0"), text("a/json", {"id": "a"}), file("a/layer.tar", LAYERS[0]),
        file("b/layer.tar", LAYERS[1]), link("c/layer.tar", "../a/layer.tar"), text("f.json", config()), *more,
        text("manifest.json", manifest), text("repositories", {"bob/secret": {"one": "c"}}),
    )  # fmt: skip


def oci(*, docker: bool, nested: bool, packed: bool) -> bytes:
    """As engines from 25 write it, and other tools without ``manifest.json``."""
    blobs: dict[str, Fill] = {}

    def blob(content: bytes) -> dict[str, Any]:
        blobs[digest(content)] = file(f"blobs/sha256/{digest(content)[7:]}", content)
        return {"digest": digest(content), "size": len(content)}

    def described(value: Any) -> dict[str, Any]:
        return blob(json.dumps(value).encode())

    layers = [blob(gzip.compress(layer) if packed else layer) for layer in LAYERS]
    about = described(config())
    image = {
        **described({"config": about, "layers": layers}),
        "annotations": {"org.opencontainers.image.ref.name": "x"},
    }
    proof = described({"config": about, "layers": []})
    attests = {**proof, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    top = described({"manifests": [image, attests]}) if nested else image
    names = [f"blobs/sha256/{layer['digest'][7:]}" for layer in layers]
    manifest = [{"Config": f"blobs/sha256/{about['digest'][7:]}", "RepoTags": ["ubuntu:latest"], "Layers": names}]
    return written(
        folder("blobs"), *blobs.values(), text("index.json", {"manifests": [top]}), text("oci-layout", {"v": "1.0.0"}),
        *([text("manifest.json", manifest)] if docker else []),
    )  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        classic(),
        gzip.compress(classic()),
        archive(config(), LAYERS, None),
        oci(docker=True, nested=False, packed=False),
        oci(docker=True, nested=True, packed=True),
        oci(docker=False, nested=False, packed=True),
        oci(docker=False, nested=True, packed=False),
    ],
    ids=[
        "classic",
        "packed",
        "plain",
        "oci with manifest",
        "index of indexes, packed",
        "oci, packed",
        "index of indexes",
    ],
)
@pytest.mark.parametrize("step", [1, 700, 1 << 20])
def test_archives_of_engines_of_all_ages(body: bytes, step: int) -> None:
    given, labels = passed(body, step=step)
    manifest, about, layers = look(given)
    assert labels == {"a": "1"}
    assert manifest["RepoTags"] == ["ann/cat:one"]
    assert about == {**config(), "config": {"Labels": {"a": "1", "ours": "yes"}}}
    assert [gzip.decompress(one) if one.startswith(b"\x1f\x8b") else one for one in layers] == LAYERS
    assert b"bob/secret" not in given and b"ubuntu" not in given


def test_names_of_any_length() -> None:
    deep = "/".join(["folder"] * 60) + "/layer.tar"
    for format_ in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=format_) as tar:
            add(tar, deep, LAYERS[0])
            link("d/" + deep, deep, tarfile.LNKTYPE)(tar)
            add(tar, "c.json", json.dumps(config([LAYERS[0]] * 2)).encode())
            text("manifest.json", [{"Config": "c.json", "Layers": [deep, "d/" + deep]}])(tar)
        assert look(passed(buffer.getvalue())[0])[2] == [LAYERS[0]] * 2


def device(tar: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("dev")
    member.type = tarfile.CHRTYPE
    tar.addfile(member)


def huge_header() -> bytes:
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 7 << 30
    return member.tobuf(tarfile.PAX_FORMAT)


def claims(size: int) -> bytes:
    member = tarfile.TarInfo("a/layer.tar")
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT) + LAYERS[0]


def sparse() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("a/layer.tar")
        member.pax_headers = {"GNU.sparse.realsize": str(1 << 50)}
        member.size = 0
        tar.addfile(member)
    return buffer.getvalue()


def two_images() -> bytes:
    item = {"Config": "f.json", "Layers": ["a/layer.tar"]}
    return written(
        text("f.json", config([LAYERS[0]])), file("a/layer.tar", LAYERS[0]), text("manifest.json", [item] * 2)
    )


def with_config(value: Any) -> bytes:
    return archive(value, LAYERS, None)


HOSTILE = {
    "empty": b"",
    "no tar": b"PK\x03\x04" + bytes(5000),
    "text": b"hello " * 1000,
    "one byte": b"\x1f",
    "nothing but an end": bytes(1024),
    "climbs out": classic(file("../../etc/cron.d/x", LAYERS[0])),
    "absolute": classic(file("/etc/passwd", LAYERS[0])),
    "a link that climbs out": classic(link("x/layer.tar", "../../../etc/shadow")),
    "an absolute link": classic(link("x/layer.tar", "/etc/shadow")),
    "a layer that is a link out": classic(names=("a/layer.tar", "b/layer.tar", "../../etc/shadow")),
    "links in a circle": classic(link("x", "y"), link("y", "x"), names=("a/layer.tar", "b/layer.tar", "x")),
    "a device": classic(device),
    "a huge header": huge_header(),
    "more than it holds": claims(5 << 20),
    "sparse": sparse(),
    "no manifest": written(file("a/layer.tar", LAYERS[0]), text("f.json", config())),
    "two images": two_images(),
    "a layer is missing": classic(names=("a/layer.tar", "b/layer.tar", "z/layer.tar")),
    "layers in another order": classic(names=("b/layer.tar", "a/layer.tar", "c/layer.tar")),
    "fewer layers": classic(names=("a/layer.tar", "b/layer.tar")),
    "no layer": with_config({**config(), "rootfs": {"type": "layers", "diff_ids": []}}),
    "layers are no list": with_config({**config(), "rootfs": {"diff_ids": "sha256"}}),
    "no file system": with_config({"config": {}}),
    "labels are no texts": with_config({**config(), "config": {"Labels": {"a": [1]}}}),
    "labels are a list": with_config({**config(), "config": {"Labels": ["a"]}}),
    "configuration is a list": with_config([1]),
    "history of more layers": with_config({**config(), "history": [{}] * 4}),
    "history is no list": with_config({**config(), "history": 7}),
    "nested without end": written(file("manifest.json", b"[" * 200_000)),
    "a layer packed in another way": written(
        file("a/layer.tar", b"\x28\xb5\x2f\xfd" + bytes(600)), text("f.json", config([b"x"])),
        text("manifest.json", [{"Config": "f.json", "Layers": ["a/layer.tar"]}]),
    ),
    "packed and cut short": gzip.compress(classic())[:-20],
    "packed and damaged": gzip.compress(classic())[:200] + b"\xff" * 300,
    "too many members": written(*(file(f"m{number}", b"x") for number in range(MOST_MEMBERS + 1))),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_archives_are_refused(what: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        passed(HOSTILE[what], limit=64 << 20)
    assert type(caught.value) is InvalidRequest, "not for its size"
    assert caught.value.reason == "invalid_archive"
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize("cut", range(1, 20))
def test_cut_short_anywhere(cut: int) -> None:
    body = classic()
    with pytest.raises(InvalidRequest):
        passed(body[: len(body) * cut // 21])


def bomb(size: int) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as stream:
        for _ in range(size >> 20):
            stream.write(bytes(1 << 20))
    return packed.getvalue()


def test_what_is_little_and_becomes_much() -> None:
    begin = tarfile.TarInfo("a/layer.tar")
    begin.size = 1 << 40
    packed = gzip.compress(begin.tobuf(tarfile.GNU_FORMAT)) + bomb(256 << 20)
    assert len(packed) < 1 << 20
    with pytest.raises(RequestTooLarge):
        passed(packed, limit=64 << 20)
    with pytest.raises(RequestTooLarge):
        passed(written(file("a/layer.tar", bomb(256 << 20))), limit=64 << 20)


def test_the_last_of_two_of_one_name_counts_for_both() -> None:
    body = classic(file("a/layer.tar", LAYERS[1]))
    with pytest.raises(InvalidRequest):
        passed(body)
    given, labels = passed(classic(text("f.json", {**config(), "config": {"Labels": {"second": "yes"}}})))
    assert labels == {"second": "yes"} == {"second": look(given)[1]["config"]["Labels"]["second"]}
