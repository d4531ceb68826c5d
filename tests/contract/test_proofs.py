"""Snapshots that are seen to work, or not to: which names they have for that, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.fake_engine import LAB_IMAGE
from tests.contract.fake_programs import CANNOT_IMPORT, LAB_IS_BROKEN
from tests.contract.gpu_rows import row, uuid
from tests.contract.house import ANN, House
from workspace_launcher.engine_models import ExecResult
from workspace_launcher.errors import Conflict, EngineUnavailable, Forbidden, NameTaken, NotFound
from workspace_launcher.models import Operation, OperationState, Owner
from workspace_launcher.snapshot_models import Snapshot
from workspace_launcher.snapshot_request import SnapshotChange
from workspace_launcher.verifying import NO_GPU

Make = Callable[..., House]
NAME, WAITS = "ann/cat:one", "ann/cat-unverified:one"
VERIFIED, FAILED = f"workspace-launcher/verified/{NAME}", f"workspace-launcher/failed/{NAME}"


def names(house: House) -> set[str]:
    """Return all names that images have, but for the lab's."""
    return {tag for image in house.host.images for tag in image.tags} - {LAB_IMAGE}


async def verified(house: House, identifier: str) -> Operation:
    return await house.committed(await house.proofs.verify(ANN, identifier))


async def only(house: House) -> Snapshot:
    (snapshot,) = await house.snapshots.list(ANN)
    return snapshot


async def snapshot_of(house: House) -> str:
    """Commit, without a look, and return the ID."""
    await house.run()
    return str((await house.committed(await house.commit())).result["id"])


async def test_a_snapshot_gets_its_name_when_it_is_seen_to_work(house: House) -> None:
    await house.run()
    hold = house.engine.faults.hold("start_container")
    operation = await house.commit(verify=True)
    await hold.reached.wait()
    assert ((await only(house)).reference, (await only(house)).verified) == (WAITS, False)
    assert names(house) == {WAITS}
    trial = next(one for one in house.host.containers.values() if "verify" in one.name)
    assert trial.networks == ["none"] and not trial.ports and "workspace-launcher.id" not in trial.labels
    assert [one.name for one in house.workspaces.list(ANN)] == ["cat"]
    hold.released.set()
    done = await house.committed(operation)
    assert (done.state, done.result["reference"], done.result["verified"]) == (OperationState.SUCCEEDED, NAME, True)
    assert ((await only(house)).reference, (await only(house)).verified) == (NAME, True)
    assert names(house) == {NAME, VERIFIED}
    assert len(house.containers()) == len(house.host.containers) == 1
    assert house.launch_directories() == sorted([house.workspaces.workspace_id(ANN, "cat"), "verifications"])
    assert [one.reference for one in await house.images.list(ANN) if one.kind == "snapshot"] == [NAME]
    assert [one.reference for one in await house.images.list("bob") if one.kind == "snapshot"] == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (LAB_IS_BROKEN, "Its JupyterLab did not start: It was not ready"),
        (CANNOT_IMPORT, "It cannot import thing of thing"),
    ],
)
async def test_what_does_not_work_is_kept_apart_with_its_log(house: House, fault: str, words: str) -> None:
    house.host.images.spoil(LAB_IMAGE, fault)
    await house.run()
    done = await house.committed(await house.commit(verify=True))
    assert (done.state, done.reason) == (OperationState.FAILED, "not_verified")
    assert words in str(done.error) and f"It is kept as {WAITS}." in str(done.error)
    snapshot = await only(house)
    assert (snapshot.reference, snapshot.verified) == (WAITS, False)
    log = await house.proofs.log(ANN, snapshot.id)
    assert words in log and ("Its last lines:\nJupyter Server is running" in log) == (fault == LAB_IS_BROKEN)
    with pytest.raises(NameTaken):
        await house.commit(verify=True)
    await house.run("mended", image=WAITS)
    await house.workspaces.remove(ANN, "mended", force=True)
    await house.snapshots.remove(ANN, snapshot.id)
    assert names(house) == set()


async def test_one_that_is_mended_gets_its_name_later(house: House) -> None:
    house.host.images.spoil(LAB_IMAGE, CANNOT_IMPORT)
    await house.run()
    await house.committed(await house.commit(verify=True))
    snapshot = await only(house)
    await house.snapshots.change(ANN, snapshot.id, SnapshotChange(shared=True))
    house.host.images.mend()
    done = await verified(house, snapshot.id)
    assert (done.result["verified"], done.result["snapshot"]["reference"]) == (True, NAME)
    assert names(house) == {NAME, VERIFIED, f"workspace-launcher/shared/{NAME}"}
    assert (await only(house)).shared


async def test_a_snapshot_is_looked_at_again(house: House) -> None:
    identifier = await snapshot_of(house)
    assert (await only(house)).verified is None
    with pytest.raises(NotFound):
        await house.proofs.log(ANN, identifier)
    assert (await verified(house, identifier)).result["verified"]
    assert (await only(house)).verified is True and names(house) == {NAME, VERIFIED}
    house.host.images.spoil(NAME, CANNOT_IMPORT)
    done = await verified(house, identifier)
    assert (done.state, done.result["verified"]) == (OperationState.SUCCEEDED, False)
    assert done.result["failed"] == [{"package": "thing", "module": "thing", "error": "ImportError: no"}]
    assert (await only(house)).verified is False and names(house) == {NAME, FAILED}
    house.host.images.mend()
    assert (await verified(house, identifier)).result["verified"]
    assert (await only(house)).verified is True and names(house) == {NAME, VERIFIED}


async def test_a_gpu_is_seen_by_what_is_made_for_one(house: House) -> None:
    house.host.gpus = [row(0)]
    house.gpus.inventory.forget()
    identifier = await snapshot_of(house)
    assert (await verified(house, identifier)).result["gpu"] == NO_GPU
    house.host.images.set(NAME, "CUDA_VERSION", "12.4.1")
    found = (await verified(house, identifier)).result
    assert found["verified"] and uuid(0) in found["gpu"]
    await house.quiet()
    assert not house.host.claims, "it is given back"

    house.host.gpus_seen = ExecResult(255, b"Failed to initialize NVML: Unknown Error")
    found = (await verified(house, identifier)).result
    assert not found["verified"] and "Failed to initialize NVML" in found["problem"]
    await house.quiet()
    assert not house.host.claims

    # Nobody's GPU is taken for it.
    await house.run("dog", gpus=1)
    assert (await verified(house, identifier)).result["gpu"] == NO_GPU


async def test_a_proof_goes_with_its_snapshot(house: House) -> None:
    identifier = await snapshot_of(house)
    await verified(house, identifier)
    before = house.host.images.find(NAME).id
    changed = await house.snapshots.change(ANN, identifier, SnapshotChange("another", shared=True))
    assert (changed.message, changed.verified, changed.shared) == ("another", True, True)
    after = house.host.images.find(NAME).id
    assert after != before and house.host.images.find(VERIFIED).id == after
    changed = await house.snapshots.change(ANN, identifier, SnapshotChange("third"))
    assert (changed.verified, changed.shared) == (True, True)
    changed = await house.snapshots.change(ANN, identifier, SnapshotChange(shared=False))
    assert (changed.verified, changed.shared) == (True, False)
    assert [one.kind for one in await house.pruner.prune(Owner(ANN), ["images"], dry_run=True)] == []
    await house.workspaces.remove(ANN, "cat", force=True)
    await house.snapshots.remove(ANN, identifier)
    assert names(house) == set()


async def test_an_image_in_use_keeps_all_its_names(house: House) -> None:
    identifier = await snapshot_of(house)
    await verified(house, identifier)
    await house.run("dog", image=NAME)
    with pytest.raises(Conflict):
        await house.images.remove(Owner(ANN), NAME)
    assert names(house) == {NAME, VERIFIED}


async def test_who_may_verify(house: House) -> None:
    identifier = await snapshot_of(house)
    with pytest.raises(NotFound):
        await house.proofs.verify("bob", identifier)
    await house.snapshots.change(ANN, identifier, SnapshotChange(shared=True))
    with pytest.raises(Forbidden):
        await house.proofs.verify("bob", identifier)


async def test_two_looks_at_once_are_one(house: House) -> None:
    identifier = await snapshot_of(house)
    hold = house.engine.faults.hold("start_container")
    first = await house.proofs.verify(ANN, identifier)
    await hold.reached.wait()
    assert (await house.proofs.verify(ANN, identifier)).id == first.id
    hold.released.set()
    assert (await house.committed(first)).result["verified"]


async def test_its_message_is_changed_meanwhile(house: House) -> None:
    await house.run()
    hold = house.engine.faults.hold("start_container")
    operation = await house.commit(verify=True)
    await hold.reached.wait()
    await house.snapshots.change(ANN, (await only(house)).id, SnapshotChange("another"))
    hold.released.set()
    assert (await house.committed(operation)).state is OperationState.SUCCEEDED
    snapshot = await only(house)
    assert (snapshot.reference, snapshot.message, snapshot.verified) == (NAME, "another", True)


async def test_its_name_is_taken_meanwhile(house: House) -> None:
    await house.run()
    hold = house.engine.faults.hold("start_container")
    operation = await house.commit(verify=True)
    await hold.reached.wait()
    await house.committed(await house.commit())
    hold.released.set()
    done = await house.committed(operation)
    assert (done.state, done.reason) == (OperationState.FAILED, "tag_taken")
    assert names(house) == {NAME, WAITS}


async def test_another_image_gets_its_name_meanwhile(house: House) -> None:
    identifier = await snapshot_of(house)
    hold = house.engine.faults.hold("start_container")
    operation = await house.proofs.verify(ANN, identifier)
    await hold.reached.wait()
    house.host.images.derive(house.host.images.find(NAME), NAME)
    hold.released.set()
    assert (await house.committed(operation)).state is OperationState.FAILED
    assert names(house) == {NAME}


async def test_it_is_removed_meanwhile(house: House) -> None:
    identifier = await snapshot_of(house)
    hold = house.engine.faults.hold("start_container")
    operation = await house.proofs.verify(ANN, identifier)
    await hold.reached.wait()
    house.host.images.tag(house.host.images.find(NAME), "bob/other:one")
    await house.snapshots.remove(ANN, identifier)
    hold.released.set()
    done = await house.committed(operation)
    assert (done.state, done.reason) == (OperationState.FAILED, "image_not_found")
    assert names(house) == {"bob/other:one"}


@pytest.mark.parametrize("step", ["create_container", "start_container", "execute", "run_once"])
@pytest.mark.parametrize("when", ["", " answered"])
async def test_a_look_that_is_cancelled_leaves_nothing(house: House, step: str, when: str) -> None:
    identifier = await snapshot_of(house)
    hold = house.engine.faults.hold(step + when)
    operation = await house.proofs.verify(ANN, identifier)
    await hold.reached.wait()
    house.operations.cancel(ANN, operation.id)
    hold.released.set()
    assert (await house.committed(operation)).state is OperationState.CANCELLED
    assert len(house.host.containers) == len(house.launch_directories()) == 1
    assert names(house) == {NAME} and (await only(house)).verified is None


@pytest.mark.parametrize("step", ["create_container", "start_container", "run_once", "tag_image"])
async def test_the_engine_goes_away_meanwhile(house: House, step: str) -> None:
    await house.run()
    house.engine.faults.fail(step, EngineUnavailable("The connection was lost."))
    done = await house.committed(await house.commit(verify=True))
    assert (done.state, done.reason) == (OperationState.FAILED, "engine_unavailable")
    assert ((await only(house)).reference, (await only(house)).verified) == (WAITS, False)
    assert len(house.host.containers) == 1
    assert (await verified(house, (await only(house)).id)).result["verified"]
    assert names(house) == {NAME, VERIFIED}


async def test_a_server_killed_meanwhile(house: House, make_house: Make) -> None:
    await house.run()
    hold = house.engine.faults.hold("start_container")
    operation = await house.commit(verify=True)
    await hold.reached.wait()
    await house.engine.close()
    hold.released.set()
    await house.committed(operation)
    await house.watch.close()
    assert len(house.host.containers) == 2
    later = await make_house().open()
    await later.quiet()
    assert [one.name for one in later.host.containers.values()] == ["workspace-ann.cat"]
    snapshot = await only(later)
    assert (snapshot.reference, snapshot.verified) == (WAITS, False)
    assert (await verified(later, snapshot.id)).result["verified"]
    assert names(later) == {NAME, VERIFIED}
