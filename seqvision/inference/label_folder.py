"""The folder that labelled recordings are written to: nothing of a person's own is overwritten in it."""

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from seqvision.errors import UserError
from seqvision.files import write_text

RECORD = "label.json"


class LabelFolder:
    """A folder with a record of what was written into it, `label.json`: by what, and each file as it was left.

    A file that is there is overwritten where it is as this command left it; one that a person has changed, or that
    comes from elsewhere, only with `overwrite`, and inputs never.
    """

    def __init__(self, folder: Path, *, inputs: Iterable[Path], overwrite: bool = False, about: dict[str, Any]):
        if folder.exists() and not folder.is_dir():
            raise UserError(f"--output {folder}: a file, expected a folder (it is made if it is not there)")
        self.folder, self.overwrite, self.about = folder, overwrite, about
        self.inputs = {file.resolve() for file in inputs}
        self.files: dict[str, list[int]] = self._recorded()

    def path(self, name: str) -> Path:
        """The path of a file inside the folder, if it may be written."""
        path = self.folder / name
        if path.resolve() in self.inputs:
            raise UserError(f"{path}: would overwrite an input; name another folder with --output")
        if path.exists() and not self.overwrite and not self.made(path):
            changed = "has been changed since" if name in self.files else "was not written by this command"
            raise UserError(
                f"{path}: is there already and {changed}; name another folder with --output, or say --overwrite"
            )
        return path

    def made(self, path: Path) -> bool:
        """Whether the file is one that this command wrote, and as it wrote it."""
        try:
            name = path.absolute().relative_to(self.folder.absolute()).as_posix()
        except ValueError:
            return False
        return name in self.files and path.is_file() and self.files[name] == _state(path)

    def keep(self, path: Path) -> None:
        """Puts a file that was written on record."""
        self.files[path.absolute().relative_to(self.folder.absolute()).as_posix()] = _state(path)
        write_text(self.folder / RECORD, json.dumps({**self.about, "files": self.files}, indent=1) + "\n")

    def clear(self, pattern: str) -> None:
        """Removes what this command wrote before under such names and nobody has changed since: what would otherwise be
        mixed with what is written now.
        """
        for name in [name for name in self.files if fnmatchcase(name, pattern)]:
            path = self.folder / name
            if self.made(path) and path.resolve() not in self.inputs:
                path.unlink()
                del self.files[name]

    def _recorded(self) -> dict[str, list[int]]:
        file = self.folder / RECORD
        if not file.exists():
            return {}
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            if found["written_by"] == self.about["written_by"]:
                return {str(name): [int(part) for part in state] for name, state in found["files"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        raise UserError(
            f"{file}: not written by this command, which needs that name; name another folder with --output"
        )


def _state(path: Path) -> list[int]:
    """What tells a changed file from an unchanged one: its size and its time."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]
