"""The full images, by hand or nightly: each is launched as a workspace and does what it is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engine.kernel import run_in_kernel
from tests.engine.ladder import REPOSITORY, left_behind, of_this_machine_alone, wait
from tests.engine.server import RunningServer

pytestmark = pytest.mark.timeout(600)

IMPORT_ALL = """
import numpy as np, scipy.ndimage, pandas, matplotlib.pyplot as plt, seaborn, PIL.Image, sklearn.linear_model, bs4, markdown
import cv2, pydicom, nibabel, SimpleITK, skimage.filters, h5py, ipywidgets
picture = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
assert cv2.GaussianBlur(picture, (5, 5), 0).shape == skimage.filters.sobel(picture).shape
nibabel.save(nibabel.Nifti1Image(picture.astype("float32")[..., None], np.eye(4)), "scan.nii.gz")
assert SimpleITK.ReadImage("scan.nii.gz").GetSize() == (64, 64, 1)
with h5py.File("scan.h5", "w") as file:
    file["scan"] = picture
seaborn.heatmap(pandas.DataFrame(picture)); plt.savefig("scan.png")
assert PIL.Image.open("scan.png").size[0] > 0
magic = get_ipython().run_line_magic
magic("load_ext", "version_information")
print([row["module"] for row in magic("version_information", "numpy, cv2")._repr_json_()["Software versions"]])
"""

TRAIN_TENSORFLOW = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy, keras, tensorflow
numbers = numpy.random.default_rng(0).normal(size=(512, 4)).astype("float32")
answers = (numbers.sum(1) > 0).astype("float32")
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1, activation="sigmoid")])
model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
told = model.fit(numbers, answers, epochs=15, verbose=0, callbacks=[keras.callbacks.TensorBoard("logs")])
model.save("model.keras")
again = keras.models.load_model("model.keras")
assert numpy.allclose(again.predict(numbers, verbose=0), model.predict(numbers, verbose=0))
print("accuracy", told.history["accuracy"][-1])
"""

TRAIN_PYTORCH = """
import torch
from torch.utils.tensorboard import SummaryWriter
torch.manual_seed(0)
numbers = torch.randn(512, 4)
answers = (numbers.sum(1) > 0).float()[:, None]
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
optimizer, loss_of = torch.optim.Adam(model.parameters(), 0.01), torch.nn.BCEWithLogitsLoss()
with SummaryWriter("logs/train") as log:
    for step in range(200):
        optimizer.zero_grad()
        loss = loss_of(model(numbers), answers)
        loss.backward()
        optimizer.step()
        log.add_scalar("loss", loss.item(), step)
torch.save(model.state_dict(), "model.pt")
print("accuracy", ((model(numbers) > 0).float() == answers).float().mean().item())
"""


@dataclass
class Running:
    """A workspace of an image, and its lab's address through the proxy."""

    server: RunningServer
    lab: str

    def kernel(self, code: str) -> str:
        return run_in_kernel(self.lab, self.server.token, code)


@pytest.fixture
def workspace(request: pytest.FixtureRequest, tmp_path: Path, owner: str) -> Iterator[Running]:
    server = RunningServer(tmp_path, owner, f"--WorkspaceConfig.image={REPOSITORY}/{request.param}:latest")
    try:
        yield Running(server, f"{server.url}{server.launch()['url']}")
    finally:
        server.stop()
        print(server.tail())


@pytest.mark.parametrize("workspace", ["datascience"], indirect=True)
def test_what_the_list_holds_can_be_used(workspace: Running) -> None:
    assert "['Python', 'IPython', 'OS', 'numpy', 'cv2']" in workspace.kernel(IMPORT_ALL)
    shown = workspace.kernel("!node --version; npm --version; jupyter labextension list 2>&1")
    assert shown.startswith("v2")
    assert shown.count("OK") >= 4, shown


@pytest.mark.parametrize(
    ("workspace", "train"),
    [("tensorflow", TRAIN_TENSORFLOW), ("pytorch", TRAIN_PYTORCH)],
    indirect=["workspace"],
    ids=["tensorflow", "pytorch"],
)
def test_a_model_learns_and_tensorboard_shows_it(workspace: Running, train: str) -> None:
    accuracy = float(workspace.kernel(train).split("accuracy")[1])
    assert accuracy > 0.9
    ask = workspace.server.session.get
    page = ask(f"{workspace.lab}tensorboard/", timeout=120)
    assert page.status_code == 200, page.text
    assert "<title>TensorBoard</title>" in page.text
    wait(lambda: ask(f"{workspace.lab}tensorboard/data/runs", timeout=60).json() == ["logs/train"])
    launchers = ask(f"{workspace.lab}server-proxy/servers-info", timeout=60).json()["server_processes"]
    assert [entry["launcher_entry"]["title"] for entry in launchers] == ["TensorBoard"]


@pytest.mark.parametrize("name", ["datascience", "tensorflow", "pytorch"])
def test_nothing_of_the_building_is_left(engine: Any, name: str) -> None:
    image = f"{REPOSITORY}/{name}:latest"
    assert left_behind(engine, image, of_this_machine_alone(engine, image)) == []


@pytest.mark.parametrize("name", ["datascience", "tensorflow", "pytorch"])
def test_what_is_installed_fits_together(engine: Any, name: str) -> None:
    told = engine.containers.run(f"{REPOSITORY}/{name}:latest", ["pip", "check"], remove=True)
    assert told.decode().strip() == "No broken requirements found."
