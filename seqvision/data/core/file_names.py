"""Files by the names that tables and lists give them, however their letters are composed."""

import os
from pathlib import Path, PurePosixPath

from seqvision.names import composed


class NamedFiles:
    """Finds files by name, with one listing of each folder in which a name is not there letter by letter."""

    def __init__(self) -> None:
        self._inside: dict[Path, dict[str, str]] = {}

    def find(self, folder: Path, name: str) -> Path | None:
        """The file of that name, which may hold folders, in a folder; None where there is none."""
        found = folder / name
        if _is_file(found):
            return found
        found = folder
        for part in PurePosixPath(name).parts:
            actual = part if part in ("..", "/") else self._names(found).get(composed(part))
            if actual is None:
                return None
            found /= actual
        return found if _is_file(found) else None

    def _names(self, folder: Path) -> dict[str, str]:
        if folder not in self._inside:
            try:
                self._inside[folder] = {composed(name): name for name in os.listdir(folder)}
            except OSError:
                self._inside[folder] = {}
        return self._inside[folder]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # longer than a name can be
        return False
