"""Every pattern trained with every tracker: what is in metrics.csv, in TensorBoard's event file and in the W&B run."""

import csv
import os
import signal
import time
from pathlib import Path

import pytest
from pattern_runs import multilabelling, write_recordings, write_sentences
from small_patterns import overrides
from training import train
from wandb_offline import records, tables

from seqvision.cli import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Lightning's, wandb's and those of two loggers side by side
]

TRACKERS = ("logger=tensorboard", "+logger@_global_=wandb", "logger.wandb.offline=true")
CANVASES = (4 + 4 * (56 + 4), 64)  # an image of 8 pixels a side, enlarged, and the canvases of three steps
# the first image of each kind, its size where it is known; TensorBoard's texts; W&B's tables with their columns
SHOWN = {
    "captioning": ({"predictions": (32, 32)}, {"predictions": ["image", "id", "caption", "references"]}),
    "classification": (
        {"predictions": (144, 144), "confusion": None},
        {"predictions": ["input", "id", "true", "predicted", "probability", "correct"]},
    ),
    "sentences": (
        {"confusion": None},
        {"predictions": ["input", "id", "true", "predicted", "probability", "correct"]},
    ),
    "labelling": (
        {"timelines": (1100, None), "confusion": None},
        {"timelines": ["timeline", "id", "frames", "accuracy"]},
    ),
    "multilabelling": ({"timelines": (1100, None)}, {"timelines": ["timeline", "id", "frames", "accuracy"]}),
    "translation": ({}, {"predictions": ["source", "id", "translation", "references"]}),
    "reading": (
        {"glimpses": (224, 224), "confusion": None},
        {"glimpses": ["path", "id", "true", "predicted", "probability"]},
    ),
    "painting": (
        {"reconstructions": CANVASES, "canvases": (184, 64), "samples": None},
        {"reconstructions": ["canvases", "id"], "canvases": ["canvases", "id"]},
    ),
    "surface": ({"path": None}, {}),
}


def arguments(name: str, folder: Path) -> list[str]:
    """What one types for a small training of that kind."""
    if name == "sentences":
        table = write_sentences(folder / "sentences.csv")
        return ["pattern=classification", "data=sentences", f"data.path={table}", "rnn.hidden_size=8", "front.size=6"]
    if name == "multilabelling":
        recordings = write_recordings(folder / "recordings", multilabel=True)
        return [*multilabelling(recordings), "rnn.hidden_size=8", "front.size=6"]
    return ["pattern=surface"] if name == "surface" else overrides(name, folder)


@pytest.mark.parametrize("name", SHOWN)
def test_every_tracker_shows_what_there_is_to_see(name, wandb, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tmp_path / "run"
    settings = ["trainer.max_epochs=2", "trainer.accelerator=cpu", f"hydra.run.dir={run}", *TRACKERS]
    assert main(["train", *arguments(name, tmp_path), *settings]) == 0
    images, columns = SHOWN[name]
    with (run / "metrics.csv").open() as file:
        assert any(key.startswith("val/") for key in csv.DictReader(file).fieldnames)
    events = EventAccumulator(str(run), size_guidance={"images": 0, "tensors": 0}).Reload()
    tags = events.Tags()["images"]
    assert {tag.split("/")[1] for tag in tags} == set(images)
    for kind, size in images.items():
        found = events.Images(next(tag for tag in tags if tag.split("/")[1] == kind))
        assert len(found) == 2, "one of each epoch, and none of the sanity check"
        assert found[-1].width > 30
        for known, side in zip(size or (None, None), (found[-1].width, found[-1].height), strict=True):
            assert known in (None, side)
    for kind in columns:
        text = events.Tensors(f"val/{kind}/text_summary")[-1].tensor_proto.string_val[0].decode()
        assert text.startswith("| " + " | ".join(columns[kind][kind in images :]) + " |")
        assert len(text.splitlines()) > 2
    (file,) = run.glob("wandb/offline-run-*/*.wandb")
    waited, history = time.monotonic() + 20, []
    while sum(any(key.startswith("val/") for key in row) for row in history) < 2 and time.monotonic() < waited:
        time.sleep(0.3)
        history = records(file)
    for kind in images.keys() - columns.keys():
        assert sum(f"val/{kind}/width" in row for row in history) == 2
    found = tables(file)
    assert sorted(kind for kind, _ in found) == sorted(f"val/{kind}" for kind in [*columns, *columns])
    for kind, content in found:
        kind = kind.removeprefix("val/")
        assert content["columns"] == columns[kind]
        for place in range(len(content["columns"])):
            kinds = {row[place]["_type"] for row in content["data"] if isinstance(row[place], dict)}
            assert kinds == ({"image-file"} if place == 0 and kind in images else set())


def test_a_killed_run_goes_on_in_the_same_wandb_run(wandb, tmp_path):
    run = tmp_path / "run"
    settings = ["pattern=classification", "rnn.hidden_size=8", "front.size=6", "trainer.accelerator=cpu", "cache=null"]
    settings.append("rnn.backend=reference")  # in an empty home the fused one would be compiled first
    tracked = ["logger=wandb", "logger.wandb.offline=true", f"hydra.run.dir={run}"]
    process = train(tmp_path, *settings, *tracked, "trainer.max_epochs=100000", "+trainer.max_time=null")
    waited = time.monotonic() + 300
    while not (run / "last.ckpt").is_file() and time.monotonic() < waited:
        time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert main(["train", f"resume={run}", "trainer.max_epochs=100000", "trainer.max_time=00:00:00:02"]) == 0
    folders = list(run.glob("wandb/offline-run-*"))
    assert len(folders) == 2
    assert {folder.name[-8:] for folder in folders} == {(run / "wandb_id.txt").read_text().strip()}
