"""Snapshots as files: what they bring along, and what they may not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.fake_archives import archive, digest, layer_of, written
from tests.contract.house import ANN, House
from tests.contract.test_lineage import two
from workspace_launcher.environment.manifest import Manifest, encode
from workspace_launcher.errors import (
    Busy,
    Forbidden,
    InvalidRequest,
    LauncherError,
    NameTaken,
    NotFound,
    QuotaExceeded,
    RequestTooLarge,
)
from workspace_launcher.labels import (
    ID,
    SNAPSHOT_BASE,
    SNAPSHOT_ID,
    SNAPSHOT_MANIFEST,
    SNAPSHOT_MESSAGE,
    SNAPSHOT_OWNER,
    SNAPSHOT_PARENT,
    SNAPSHOT_PARENT_ID,
    SNAPSHOT_REFERENCE,
)
from workspace_launcher.models import Operation, OperationState
from workspace_launcher.snapshot_models import Package
from workspace_launcher.snapshot_request import SnapshotChange
from workspace_launcher.transfers import ImportRequest, Incoming

Make = Callable[..., House]


async def exported(house: House, identifier: str, owner: str = ANN) -> bytes:
    _, pieces = await house.transfers.export(owner, identifier)
    return b"".join([piece async for piece in pieces])


async def sent(
    house: House, body: bytes, *, owner: str = ANN, name: str | None = None, tag: str | None = None
) -> Incoming:
    incoming = await house.transfers.begin(owner, ImportRequest(name, tag, len(body)))
    for begin in range(0, len(body), 5000):
        await incoming.upload.put(body[begin : begin + 5000])
    incoming.upload.end()
    return incoming


async def over(house: House, incoming: Incoming, owner: str = ANN) -> Operation:
    await house.until(lambda: house.operations.get(owner, incoming.operation.id).ended is not None)
    return house.operations.get(owner, incoming.operation.id)


async def brought(house: House, body: bytes, **how: str | None) -> Operation:
    owner = how.get("owner") or ANN
    done = await over(house, await sent(house, body, **how), owner)  # type: ignore[arg-type]
    assert done.state is OperationState.SUCCEEDED, done
    return done


async def refused(house: House, body: bytes, **how: str | None) -> LauncherError:
    incoming = await sent(house, body, **how)  # type: ignore[arg-type]
    await incoming.settled.wait()
    assert incoming.error is not None
    done = await over(house, incoming, how.get("owner") or ANN)
    assert (done.state, done.reason) == (OperationState.FAILED, incoming.error.reason)
    return incoming.error


def made_up(labels: dict[str, str]) -> bytes:
    layers = [layer_of("one")]
    config = {"config": {"Labels": labels}, "rootfs": {"type": "layers", "diff_ids": [digest(one) for one in layers]}}
    return archive(config, layers, ["bob/secret:one"])


async def test_a_line_of_snapshots_on_another_machine(house: House, tmp_path: Path) -> None:
    first, second = await two(house)
    packages = {first: (Package("pip", "a", "1"),), second: (Package("pip", "a", "2"), Package("pip", "b", "1"))}
    for identifier, has in packages.items():
        reference = (await house.snapshots.get(ANN, identifier)).reference
        house.host.images.find(reference).labels[SNAPSHOT_MANIFEST] = encode(Manifest(has))  # type: ignore[index]
    await house.snapshots.change(ANN, first, SnapshotChange("the first"))
    files = [await exported(house, one) for one in (second, first)]

    from tests.contract.house import lab_host

    (tmp_path / "there").mkdir()
    there = await House(lab_host(), tmp_path / "there").open()
    try:
        for body in files:
            await brought(there, body)
        here, rows = await house.lineage.tree(ANN), await there.lineage.tree(ANN)
        told = ("id", "reference", "workspace", "parent", "parent_id", "base", "message", "author", "created")
        for mine, its in zip(here, rows, strict=True):
            assert (its.depth, its.children) == (mine.depth, mine.children)
            for same in told:
                assert getattr(its.snapshot, same) == getattr(mine.snapshot, same), same
        assert [row.snapshot.packages for row in rows] == [1, 2]
        difference = await there.lineage.diff(ANN, second, None)
        assert difference.packages == (await house.lineage.diff(ANN, second, None)).packages
        assert [one.name for one in difference.packages.added] == ["b"]
        await there.run("bird", image="ann/dog:one")
        error = await refused(there, files[0])
        assert isinstance(error, NameTaken) and error.reason == "tag_taken"
        # Under another name it is another snapshot, so that neither stands for the other.
        again = await brought(there, files[0], tag="again")
        assert again.result["reference"] == "ann/dog:again"
        assert again.result["id"] not in (first, second)
        bobs = await brought(there, files[0], owner="bob", name="mine", tag="one")
        assert (bobs.result["reference"], bobs.result["owner"], bobs.result["id"]) == ("bob/mine:one", "bob", second)
        assert len(await there.snapshots.list("bob")) == 1
    finally:
        await there.close()


async def test_nothing_is_sent_for_a_name_that_is_taken(house: House) -> None:
    first, _ = await two(house)
    for request in (ImportRequest("cat", "one"), ImportRequest("dog", "one")):
        with pytest.raises(NameTaken):
            await house.transfers.begin(ANN, request)
    body = await exported(house, first)
    hold = house.engine.faults.hold("import_unpacked")
    incoming = await sent(house, body, name="bird", tag="one")
    await hold.reached.wait()
    with pytest.raises(Busy):
        await house.transfers.begin(ANN, ImportRequest("bird", "one"))
    hold.released.set()
    assert (await over(house, incoming)).state is OperationState.SUCCEEDED


async def test_labels_that_lie(house: House) -> None:
    base = next(iter(house.host.images))
    hostile = {
        SNAPSHOT_ID: "../../etc", SNAPSHOT_OWNER: "bob", SNAPSHOT_REFERENCE: "bob/lab:latest", SNAPSHOT_BASE: "bob/secret:one",
        SNAPSHOT_PARENT: base.tags[0], SNAPSHOT_PARENT_ID: "x" * 5000, SNAPSHOT_MESSAGE: "m" * 5000, ID: "of-a-workspace",
        "workspace-launcher.intermediate": "host/1/x", "workspace-launcher.snapshot.verified": "yes", "else": "kept",
    }  # fmt: skip
    before = {image.tags: image.id for image in house.host.images}
    done = await brought(house, made_up(hostile))
    assert done.result["reference"] == "ann/lab:latest"
    image = house.host.images.find("ann/lab:latest")
    assert image.tags == ("ann/lab:latest",)
    assert {tags: house.host.images.find(tags[0]).id for tags in before} == before
    assert image.labels["else"] == "kept"
    assert {key for key in image.labels if "snapshot" not in key} == {"else"}
    assert "workspace-launcher.snapshot.verified" not in image.labels
    (snapshot,) = await house.snapshots.list(ANN)
    assert (snapshot.owner, snapshot.base, snapshot.parent, snapshot.parent_id) == (ANN, "", "", None)
    assert len(snapshot.message) == 1000 and len(snapshot.id) == 16
    assert await house.snapshots.list("bob") == []


@pytest.mark.parametrize(
    ("said", "called"),
    [
        ("bob/a/../b:x", "imported:x"),
        ("x", "imported:imported"),
        ("bob/UP:one", "imported:one"),
        ("bob/cat:..", "cat:imported"),
    ],
)
async def test_names_that_are_none(house: House, said: str, called: str) -> None:
    done = await brought(house, made_up({SNAPSHOT_ID: "1" * 16, SNAPSHOT_REFERENCE: said}))
    assert done.result["reference"] == f"ann/{called}"


async def test_what_is_no_snapshot(house: House) -> None:
    error = await refused(house, made_up({"a": "label"}))
    assert (type(error), error.reason) == (InvalidRequest, "no_snapshot")
    assert (
        await refused(house, written(house.host.images.find("workspace-launcher/lab:latest"), "x"))
    ).reason == "no_snapshot"


async def test_who_may_and_how_much(house: House, make_house: Make) -> None:
    first, _ = await two(house)
    await house.snapshots.change(ANN, first, SnapshotChange(shared=True))
    with pytest.raises(Forbidden):
        await exported(house, first, "bob")
    with pytest.raises(NotFound):
        await exported(house, "0" * 16)
    none = await make_house(max_import_bytes=0).open()
    with pytest.raises(Forbidden):
        await none.transfers.begin(ANN, ImportRequest())
    full = await make_house(max_snapshots=2).open()
    with pytest.raises(QuotaExceeded):
        await full.transfers.begin(ANN, ImportRequest())
    small = await make_house(max_import_bytes=1000).open()
    with pytest.raises(RequestTooLarge):
        await small.transfers.begin(ANN, ImportRequest(length=1001))
    # One that does not say, or lies.
    incoming = await small.transfers.begin(ANN, ImportRequest(length=10))
    await incoming.upload.put(bytes(1001))
    await incoming.settled.wait()
    assert isinstance(incoming.error, RequestTooLarge)


async def test_broken_off_and_cancelled(house: House) -> None:
    first, _ = await two(house)
    body = await exported(house, first)
    incoming = await house.transfers.begin(ANN, ImportRequest(tag="two"))
    await incoming.upload.put(body[:5000])
    incoming.upload.fail()
    await incoming.settled.wait()
    assert incoming.error is not None and incoming.error.reason == "upload_broken"
    incoming = await house.transfers.begin(ANN, ImportRequest(tag="two"))
    await incoming.upload.put(body[:5000])
    house.operations.cancel(ANN, incoming.operation.id)
    assert (await over(house, incoming)).state is OperationState.CANCELLED
    await incoming.upload.put(body[5000:])  # dropped, and held up by nobody
    assert len(await house.snapshots.list(ANN)) == 2
    await brought(house, body, tag="two")
