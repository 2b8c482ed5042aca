"""The folder that labelled recordings are written to: nothing of a user's own is overwritten in it."""

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from seqvision.errors import UserError
from seqvision.files import write_text, writing

RECORD = "label.json"
State = list[int]  # size and time of a file: what tells a changed one from an unchanged one


class LabelFolder:
    """A folder with a record of what was written into it, `label.json`: by what, and each file as it was left.

    A file that is there is overwritten where it is as this command left it; one that a user has changed, or that comes
    from elsewhere, only with `overwrite`, and inputs never. A file is on record before it is visible under its name, so
    that a process that was killed leaves nothing which the next one does not know.
    """

    def __init__(self, folder: Path, *, inputs: Iterable[Path], overwrite: bool = False, about: dict[str, Any]):
        if folder.exists() and not folder.is_dir():
            raise UserError(f"--output {folder}: a file, expected a folder (it is made if it is not there)")
        self.folder, self.overwrite, self.about = folder, overwrite, about
        self.inputs = {file.resolve() for file in inputs}
        self.files: dict[str, State] = {}
        self.coming: dict[str, State] = {}  # what a file will be, or already is where the process ended just then
        self.recordings: dict[str, dict[str, Any]] = {}
        self._read_record()

    def path(self, name: str) -> Path:
        """The path of a file inside the folder, if it may be written."""
        path = self.folder / name
        if path.resolve() in self.inputs:
            raise UserError(f"{path}: would overwrite an input; name another folder with --output")
        if path.exists() and not self.overwrite and not self.made(path):
            changed = (
                "has been changed since" if name in {**self.files, **self.coming} else "was not written by this command"
            )
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
        known = [states[name] for states in (self.files, self.coming) if name in states]
        return bool(known) and path.is_file() and _state(path) in known

    def publish(self, drafts: Mapping[str, Path], recording: str | None = None, **about: Any) -> list[Path]:
        """Gives finished files their names in the folder, after they are put on record, and with them what is `about`
        the recording that they complete.
        """
        paths = [self.path(name) for name in drafts]
        self.coming |= {name: _state(draft) for name, draft in drafts.items()}
        if recording is not None:
            self.recordings[recording] = {**about, "files": list(drafts)}
        self._write_record()
        for path, (name, draft) in zip(paths, drafts.items(), strict=True):
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                draft.replace(path)
            self.files[name] = self.coming.pop(name)
        return paths

    def complete(self, recording: str, **about: Any) -> dict[str, Any] | None:
        """What is on record about a recording, if `about` is a part of that and all its files are as they were left."""
        known = self.recordings.get(recording)
        if known is None or {name: known.get(name) for name in about} != json.loads(json.dumps(about)):
            return None
        return known if all(self.made(self.folder / name) for name in known["files"]) else None

    def clear(self, pattern: str) -> None:
        """Removes what this command wrote before under such names and nobody has changed since: what would otherwise be
        mixed with what is written now.
        """
        for name in [name for name in {**self.files, **self.coming} if fnmatchcase(name, pattern)]:
            path = self.folder / name
            if self.made(path) and path.resolve() not in self.inputs:
                path.unlink()
                self.files.pop(name, None)
                self.coming.pop(name, None)

    def _write_record(self) -> None:
        record = {**self.about, "files": self.files, "coming": self.coming, "recordings": self.recordings}
        write_text(self.folder / RECORD, json.dumps(record, indent=1) + "\n")

    def _read_record(self) -> None:
        file = self.folder / RECORD
        if not file.exists():
            return
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            if found["written_by"] == self.about["written_by"]:
                self.files, self.coming = (
                    {str(name): [int(part) for part in state] for name, state in found.get(kind, {}).items()}
                    for kind in ("files", "coming")
                )
                self.recordings = {
                    str(name): {**about, "files": [str(made) for made in about["files"]]}
                    for name, about in found.get("recordings", {}).items()
                }
                return
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass
        raise UserError(
            f"{file}: not written by this command, which needs that name; name another folder with --output"
        )


def _state(path: Path) -> State:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]
