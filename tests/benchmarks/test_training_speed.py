"""Training from files and from kept features, against the encoder and the training step by themselves.

    OMP_NUM_THREADS=2 python -m pytest tests/benchmarks/test_training_speed.py -s -o addopts=--import-mode=importlib

`experiment=emoji_layernorm_elman`: a frozen EfficientNet-Lite0 at 128 px, 512 units, batches of 64; needs the emoji
data and the extra `pretrained`. Both runs are what `seqvision train` does, trainer, progress bar and log file included;
the first steps of each are not counted. From files every picture is read and decoded, for it is the first epoch.
"""

import time
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from measuring import middle, record
from omegaconf import OmegaConf
from pytorch_lightning import Callback

from seqvision.cli.build import build
from seqvision.cli.config import conf_dir, plain

pytestmark = pytest.mark.filterwarnings("ignore")
WARM = 3


class Clock(Callback):
    """The moments at which steps end."""

    def __init__(self):
        self.moments: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:
        self.moments.append(time.perf_counter())

    def seconds(self) -> float:
        """Of a step, counting what happens between steps, over all but the first few."""
        return (self.moments[-1] - self.moments[WARM]) / (len(self.moments) - 1 - WARM)


def configuration(folder, run, cache: str | None, steps: int) -> Any:
    changes = [
        "experiment=emoji_layernorm_elman",
        f"data.path={folder}",
        f"run_dir={run}",
        f"cache={cache or 'null'}",
        "trainer.max_epochs=1",
        f"trainer.limit_train_batches={steps}",
        "trainer.limit_val_batches=0",
        "trainer.accelerator=cpu",
    ]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        return OmegaConf.create(plain(compose("train", overrides=changes)))


def one_run(config: Any) -> tuple[float, Any, Any]:
    """The seconds of a step in a run of the trainer, with its task and data."""
    clock = Clock()
    callbacks = [instantiate(node) for name, node in config.callbacks.items() if node and name in ("rate", "progress")]
    logger = [instantiate(node) for node in config.logger.values() if node]
    trainer = instantiate(config.trainer, callbacks=[*callbacks, clock], logger=logger)
    task, data = build(config, plain(config), torch.device("cpu"))
    trainer.fit(task, datamodule=data)
    return clock.seconds(), task, data


def seconds_of(run, rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return times


def test_little_is_lost_around_encoder_and_training_step(shared_data, tmp_path):
    folder, cache = shared_data("emoji"), str(tmp_path / "cache")
    from_files, encoder_alone, step_alone, from_features = [], [], [], []
    for turn in range(3):
        seconds, task, data = one_run(configuration(folder, tmp_path / f"files{turn}", None, 12))
        from_files.append(seconds)
        batches = [batch for batch, _ in zip(data.train_dataloader(), range(6), strict=False)]
        with torch.no_grad():
            encoder_alone += seconds_of(lambda t=task, b=batches[0]: t.model.encode(b.images), 4)[1:]
        del task, data

        config = configuration(folder, tmp_path / f"features{turn}", cache, 80)
        seconds, task, data = one_run(config)
        from_features.append(seconds)
        optimizer = torch.optim.AdamW(task.model.parameters(), lr=1e-3, weight_decay=0.05)
        batches = [batch for batch, _ in zip(data.train_dataloader(), range(80), strict=False)]
        turns = iter(batches * 2)

        def step(task=task, config=config, optimizer=optimizer, turns=turns) -> None:
            batch = next(turns)
            lengths = batch.lengths - 1
            valid = torch.arange(batch.tokens.shape[1] - 1) < lengths.unsqueeze(1)
            out = task.model(batch.features, batch.tokens[:, :-1], lengths)
            loss = task.cross_entropy(out.hidden, batch.tokens[:, 1:], valid, task.model.output)
            optimizer.zero_grad()
            (loss / valid.sum()).backward()
            torch.nn.utils.clip_grad_norm_(task.model.parameters(), config.trainer.gradient_clip_val)
            optimizer.step()

        task.model.train()
        step_alone.append(sum(seconds_of(step, 80)[WARM:]) / (80 - WARM))
    files, features, encoder, alone = map(middle, (from_files, from_features, encoder_alone, step_alone))
    share, kept, faster = (encoder + alone) / files, alone / features, files / features
    size = len(batches[0].tokens)
    speeds = {"files": files, "encoder alone": encoder, "step alone": alone, "features": features}
    print("\npictures a second:", {name: round(size / seconds) for name, seconds in speeds.items()})
    print(f"shares {share:.2f} and {kept:.2f}, features {faster:.1f} times as fast")
    lines = {
        "training from files, of the encoder's forward pass and the training step alone, added": f"{share:.2f}",
        "training from kept features, of the training step alone": f"{kept:.2f}",
        "training from kept features over training from files": f"{faster:.1f} times as fast",
    }
    record("training_from_files", [{"what": what, "result": result} for what, result in lines.items()])
    assert share >= 0.85
    assert kept >= 0.9
    assert faster >= 6
