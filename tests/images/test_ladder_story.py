"""From engines without an image to a colleague's notebook, with all that the data science image holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.ladder_story import tell

CODE = """
import cv2, pydicom, nibabel, SimpleITK, skimage
print([module.__name__ for module in (cv2, pydicom, nibabel, SimpleITK, skimage)])
"""


@pytest.mark.timeout(1800)
def test_the_whole_ladder(tmp_path: Path) -> None:
    tell(tmp_path, "datascience", CODE, "['cv2', 'pydicom', 'nibabel', 'SimpleITK', 'skimage']")
