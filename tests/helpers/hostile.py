"""Checkpoints in which one value was replaced by what an attacker would write, and every command that reads them."""

import contextlib
import copy
import io
import os
import random
import signal
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from audit import MARK, watched
from checkpoints import save_checkpoint
from PIL import Image
from small_patterns import SMALL, small_task

from seqvision.cli import main

Place = tuple[str | int, ...]
LIMIT = 15  # seconds of a command
CODE = f"__import__('os').system('touch {MARK}')"


def nested(levels: int) -> list[Any]:
    """Lists in lists."""
    node: list[Any] = []
    for _ in range(levels):
        node = [node]
    return node


PAYLOADS: tuple[Any, ...] = (
    f"${{oc.create:{{_target_:os.system,command:'touch {MARK}'}}}}",
    f'\\${{oc.create:{{_target_:sympy.sympify,a:"{CODE}"}}}}',
    f"\\\\${{oc.create:{{_target_:sympy.sympify,a:\"{CODE}\"}}}}",
    "${oc.env:HOME}",
    "${seed}",
    f"http://127.0.0.1:9/{MARK}.tar",
    f"hf-hub:{MARK}/model",
    f"file:///{MARK}",
    f"/tmp/{MARK}/folder",
    f"../{MARK}",
    "/dev/zero",
    "os.system",
    "imagenet",
    CODE,
    f"\x00\n\x1b[2J{MARK}",
    "a" * 10_000,
    {"_target_": "os.system", "command": f"touch {MARK}"},
    {"_target_": "os.mkdir", "_args_": [MARK]},
    {"_target_": "sympy.sympify", "a": CODE},
    {"_target_": "builtins.eval", "_args_": [CODE], "_partial_": True},
    {"_target_": "torch.hub.load", "repo_or_dir": f"{MARK}/x", "model": "x"},
    {
        "_target_": "seqvision.data.SceneCaptions",
        "folder": MARK,
        "transform": {"_target_": "seqvision.data.ImageTransform"},
    },
    {"_target_": "seqvision.data.read_motion", "_partial_": True, "folder": MARK},
    {"_target_": "seqvision.files.write_text", "target": MARK, "text": "x"},
    {
        "_target_": "seqvision.encoders.TimmEncoder",
        "name": "test_resnet",
        "weights": "imagenet",
        "options": {"pretrained": True, "pretrained_cfg_overlay": {"url": f"http://127.0.0.1:9/{MARK}"}},
    },
    {"_target_": "seqvision.encoders.TimmEncoder", "name": f"hf-hub:{MARK}/x"},
    {},
    nested(50),
    nested(200),
    10**6,
    2**31 - 1,
    10**12,
    10**400,
    -1,
    0,
    2.5,
    1e308,
    float("nan"),
    True,
    None,
    ["a", 1, None],
)  # fmt: skip


@dataclass
class Outcome:
    """What came of a campaign: values that were replaced, what was forbidden, what crashed."""

    placements: int = 0
    commands: int = 0
    refused: int = 0
    events: list[str] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)


def build_checkpoint(pattern: str, folder: Path) -> dict[str, Any]:
    """A pattern's checkpoint as training would write it, its weights random."""
    with contextlib.redirect_stdout(io.StringIO()):
        few = ["data.sizes={train: 40, val: 4, test: 4}"] if pattern == "translation" else []
        task, _ = small_task(pattern, folder, *few)
    held = copy.deepcopy(task.contents)
    if pattern == "reading":
        held["stopping"] = [[0.5, 90.0, 2.0]]
    if pattern == "labelling":
        followers = np.eye(len(held["classes"]) + 1, len(held["classes"])).tolist()
        held["label_path"] = {"followers": followers, "weight": 1.0, "cost": 2.0, "features": 0.0}
    weights = {f"model.{name}": value for name, value in task.model.state_dict().items()}
    return {"seqvision": held, "state_dict": weights}


def places_of(node: Any, at: Place = ()) -> Iterator[Place]:
    """Where each text, number and mapping is; of long lists the first two entries."""
    if at and isinstance(node, dict | str | int | float):
        yield at
    if isinstance(node, dict):
        for key, value in node.items():
            yield from places_of(value, (*at, key))
    elif isinstance(node, list):
        for place, value in enumerate(node[:2]):
            yield from places_of(value, (*at, place))


def commands_for(pattern: str, run: Path, inputs: Path, output: Path) -> list[list[str]]:
    """Every command that takes a checkpoint of the pattern."""
    file, cpu = str(run / "best.ckpt"), ["--device", "cpu"]
    use = {
        "captioning": ["caption", str(inputs / "picture.png")],
        "classification": ["classify", str(inputs / "digit.png")],
        "labelling": ["label", str(next(inputs.glob("labelling/clips/val_*.npz"))), "--output", str(output / "labels")],
        "translation": ["translate", "--text", "2 1 7"],
        "reading": ["read", str(inputs / "digit.png")],
        "painting": ["draw", "--output", str(output / "samples.png"), "-n", "2"],
    }[pattern]
    scored = ["--split", "val", "--bootstrap", "0", "--no-controls", "--cache", "none"]
    return [
        [*use, "--checkpoint", file, *cpu],
        ["evaluate", "--checkpoint", file, *cpu, *scored, "--output", str(output / "scores.txt")],
        ["report", str(run), *cpu, "--limit", "2", "--examples", "1", "--cache", "none"],
        ["pack", str(run), "--output", str(output / "model.safetensors")],
    ]


class Campaign:
    """Hostile checkpoints of the patterns, built in a folder."""

    def __init__(self, folder: Path, patterns: Sequence[str] = tuple(SMALL)):
        self.inputs, self.output = folder / "inputs", folder / "output"
        self.run = self.output / "run"
        self.run.mkdir(parents=True)
        signal.signal(signal.SIGPROF, _too_long)
        self.checkpoints = {pattern: build_checkpoint(pattern, self.inputs) for pattern in patterns}
        Image.fromarray(np.full((32, 32, 3), 90, np.uint8)).save(self.inputs / "picture.png")
        Image.fromarray(np.full((8, 8), 90, np.uint8)).save(self.inputs / "digit.png")

    def placements(self, number: int, seed: int = 0) -> Iterator[tuple[str, Place, Any]]:
        """So many of each pattern: every place before any comes again, each with payloads in an order of its own."""
        for pattern, checkpoint in self.checkpoints.items():
            draws = random.Random(f"{seed} {pattern}")
            places = [each for each in places_of(checkpoint["seqvision"]) if each[0] not in ("format", "digest")]
            draws.shuffle(places)
            payloads = draws.sample(PAYLOADS, len(PAYLOADS))
            for index in range(number):
                turn, place = divmod(index, len(places))
                yield pattern, places[place], payloads[(place + turn) % len(payloads)]

    def attack(self, pattern: str, place: Place | None, payload: Any, outcome: Outcome, *, most: int = 4) -> None:
        """Runs the pattern's first `most` commands on a checkpoint with the payload in that place."""
        checkpoint = copy.deepcopy(self.checkpoints[pattern])
        if place is not None:
            *parents, last = ("seqvision", *place)
            node: Any = checkpoint
            for key in parents:
                node = node[key]
            node[last] = payload
            outcome.placements += 1
        for file in self.run.iterdir():
            file.unlink()
        save_checkpoint(checkpoint, self.run / "best.ckpt")
        for command in commands_for(pattern, self.run, self.inputs, self.output)[:most]:
            said = f"{pattern} {command[0]}, {'.'.join(map(str, place or ()))} = {str(payload)[:100]}"
            with watched(self.output) as events:
                status, crash = run_command(command)
                found = [f"{said}: {event}" for event in events]
            outcome.commands += 1
            outcome.refused += status == 2
            outcome.events += found
            outcome.crashes += [f"{said}: {crash}"] if crash else []


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"{LIMIT} s of processor time")


def run_command(command: list[str]) -> tuple[int, str]:
    """(the exit status of a command in this process, the end of its traceback where it had one)."""
    # no StringIO: what has neither name nor mode is no IO[str] for who checks types
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        signal.setitimer(signal.ITIMER_PROF, LIMIT)
        try:
            return main(command), ""
        except SystemExit as end:
            return int(end.code or 0), ""
        except Exception:
            return 1, traceback.format_exc()[-900:]
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


def warm_up(campaign: Campaign) -> Outcome:
    """What the checkpoints do as they are; all libraries are loaded, compiled and cached then."""
    for pattern in campaign.checkpoints:
        campaign.attack(pattern, None, None, Outcome())
    outcome = Outcome()
    for pattern in campaign.checkpoints:
        campaign.attack(pattern, None, None, outcome)
    torch.set_grad_enabled(True)
    return outcome
