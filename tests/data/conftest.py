"""Small pictures and data sets, written where a test wants them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from sharded import SOURCE, make_pictures

from seqvision.data import read_captions
from seqvision.data.shards.write import write_shards


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


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of captioned pictures that no test changes."""
    return make_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def whole(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of `pictures` that no test changes."""
    folder = tmp_path_factory.mktemp("shards") / "whole"
    assert write_shards(read_captions(pictures), folder, source=SOURCE, shard_size=4) == []
    return folder


@pytest.fixture
def shards(pictures: Path, tmp_path: Path) -> Path:
    """Shards of `pictures`, of the test's own."""
    write_shards(read_captions(pictures), tmp_path / "shards", source=SOURCE, shard_size=4)
    return tmp_path / "shards"
