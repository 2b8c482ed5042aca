"""Small pictures and data sets, written where a test wants them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes files into the test's own folder: texts and bytes as given, `None` for a small picture; returns it."""

    def write(files: dict[str, str | bytes | None]) -> Path:
        for number, (name, content) in enumerate(files.items()):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                # each picture its own colour, so that no two have the same bytes
                Image.new("RGB", (8, 6), (number * 20 % 256, number * 7 % 256, 99)).save(path)
            elif isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content, encoding="utf-8")
        return tmp_path

    return write
