"""Recipes of snapshots, and what comes of trying them, over an engine whose images hold what a test puts there."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable

import pytest

from tests.contract.fake_engine import LAB_IMAGE
from tests.contract.house import ANN, House
from workspace_launcher.errors import BuildFailed, Conflict, Forbidden, NameTaken, NotFound
from workspace_launcher.models import Operation, OperationState, Owner
from workspace_launcher.snapshot_request import SnapshotChange

Make = Callable[..., House]
NAME = "ann/cat:one"


async def snapshot_of(house: House, **files: bytes) -> str:
    """Commit a workspace in which there are files, and return the ID."""
    await house.run()
    identifier = (await house.committed(await house.commit())).result["id"]
    house.host.images.put(NAME, **files)
    return str(identifier)


async def rebuilt(house: House, identifier: str, *, keep: bool = False) -> Operation:
    return await house.committed(await house.reproducer.rebuild(Owner(ANN), identifier, keep=keep))


async def zipped(house: House, identifier: str, owner: str = ANN) -> zipfile.ZipFile:
    with await house.reproducer.recipe(owner, identifier) as archive:
        return zipfile.ZipFile(io.BytesIO(archive.read()))


def images(house: House) -> set[str]:
    return {tag for image in house.host.images for tag in image.tags}


async def test_a_recipe(house: House) -> None:
    identifier = await snapshot_of(house, srv__a=b"by hand")
    recipe = await zipped(house, identifier)
    assert set(recipe.namelist()) == {
        "Dockerfile",
        "README.md",
        "apt.txt",
        "ca-bundle.crt",
        "conda-linux-64.lock",
        "files.tar",
        "manifest.json",
        "removed.txt",
        "requirements.txt",
    }
    assert house.host.images.find(LAB_IMAGE).id in recipe.read("Dockerfile").decode()
    with tarfile.open(fileobj=io.BytesIO(recipe.read("files.tar"))) as files:
        assert files.getnames() == ["srv/a"]
    with await house.reproducer.recipe(ANN, identifier) as one, await house.reproducer.recipe(ANN, identifier) as other:
        assert one.read() == other.read(), "the same for the same snapshot"


async def test_a_recipe_names_its_base_by_digest(house: House) -> None:
    identifier = await snapshot_of(house)
    digest = f"registry.example/lab@sha256:{'1' * 64}"
    house.host.images.known_as(house.host.images.find(LAB_IMAGE), digest)
    assert f"ARG BASE={digest}\nFROM ${{BASE}}\n" in (await zipped(house, identifier)).read("Dockerfile").decode()


async def test_a_recipe_without_files(house: House) -> None:
    assert "files.tar" not in (await zipped(house, await snapshot_of(house))).namelist()


async def test_whose_recipe_it_is(house: House) -> None:
    identifier = await snapshot_of(house)
    with pytest.raises(NotFound):
        await house.reproducer.recipe("bob", identifier)
    await house.snapshots.change(ANN, identifier, SnapshotChange(shared=True))
    assert "Dockerfile" in (await zipped(house, identifier, "bob")).namelist()


async def test_made_again(house: House) -> None:
    identifier, before = await snapshot_of(house, srv__a=b"by hand"), images(house)
    done = await rebuilt(house, identifier)
    assert (done.state, done.result["reproducible"], done.result["image"]) == (OperationState.SUCCEEDED, True, None)
    assert images(house) == before
    assert "FROM" in house.operations.log(ANN, done.id)


async def test_what_is_made_can_be_kept(house: House) -> None:
    identifier = await snapshot_of(house, srv__a=b"by hand")
    done = await rebuilt(house, identifier, keep=True)
    assert done.result["image"] == "ann/cat-rebuilt:one"
    assert images(house) == {LAB_IMAGE, NAME, "ann/cat-rebuilt:one"}
    assert [one.reference for one in await house.snapshots.list(ANN)] == [NAME]
    assert "ann/cat-rebuilt:one" in [one.reference for one in await house.images.list(ANN)]
    with pytest.raises(NameTaken):
        await house.reproducer.rebuild(Owner(ANN), identifier, keep=True)


async def test_what_there_is_no_room_for_is_told(house: House) -> None:
    identifier = await snapshot_of(house, srv__large=b"a" * (2 << 20), srv__small=b"a")
    assert "srv/large" in (await zipped(house, identifier)).read("README.md").decode()
    done = await rebuilt(house, identifier)
    assert not done.result["reproducible"]
    assert done.result["files"]["missing"] == {"count": 1, "paths": ["srv/large"]}


async def test_what_cannot_be_made(house: House) -> None:
    identifier, before = await snapshot_of(house), images(house)
    house.engine.faults.fail("build_image", BuildFailed("There is no thing 9.9."))
    done = await rebuilt(house, identifier)
    assert (done.state, done.result["reproducible"]) == (OperationState.SUCCEEDED, False)
    assert done.result["error"] == "There is no thing 9.9."
    assert images(house) == before


@pytest.mark.parametrize("step", ["read_image", "build_image", "build_image answered"])
async def test_one_that_is_cancelled_leaves_nothing(house: House, step: str) -> None:
    identifier, before = await snapshot_of(house), images(house)
    hold = house.engine.faults.hold(step)
    operation = await house.reproducer.rebuild(Owner(ANN), identifier, keep=True)
    await hold.reached.wait()
    house.operations.cancel(ANN, operation.id)
    hold.released.set()
    assert (await house.committed(operation)).state is OperationState.CANCELLED
    assert images(house) == before


async def test_the_base_is_gone(house: House) -> None:
    identifier = await snapshot_of(house)
    await house.workspaces.remove(ANN, "cat", force=True)
    house.host.images.remove(LAB_IMAGE)
    with pytest.raises(Conflict) as caught:
        await house.reproducer.recipe(ANN, identifier)
    assert caught.value.reason == "base_removed"
    assert (await rebuilt(house, identifier)).reason == "base_removed"


async def test_on_a_shared_server_administrators_alone_rebuild(make_house: Make) -> None:
    house = await make_house(allow_root=False).open()
    identifier = await snapshot_of(house)
    with pytest.raises(Forbidden):
        await house.reproducer.rebuild(Owner(ANN), identifier, keep=False)
    operation = await house.reproducer.rebuild(Owner(ANN, admin=True), identifier, keep=False)
    assert (await house.committed(operation)).result["reproducible"]
