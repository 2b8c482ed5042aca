"""What every test can ask for."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """The folder of a real data set by name; the test is skipped, with the reason, where it is not on this machine."""
    root = Path(os.environ.get("SEQVISION_SHARED_DATA", ROOT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            pytest.skip(f"needs the real data set '{name}', not found in {root} (set SEQVISION_SHARED_DATA)")
        return folder

    return find
