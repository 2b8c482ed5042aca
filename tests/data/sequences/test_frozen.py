"""A frozen encoder's features of videos and pictures take the frames' place: computed once, the same predictions."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from films import frame, write_film
from PIL import Image
from pytorch_lightning import Trainer

from seqvision.data import PictureReader, SequenceData, VideoReader
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.encoders import PictureFront, SmallCNN
from seqvision.errors import UserError
from seqvision.losses import FrameLoss
from seqvision.models import FrameLabeller, SequenceClassifier
from seqvision.rnn import GRUCell, Recurrent
from seqvision.tasks import Labelling

CPU = torch.device("cpu")
LENGTHS = {"train0": 9, "train1": 6, "val0": 7}


class CountingReader(VideoReader):
    """Counts the frames that it decodes."""

    decoded = 0

    def _chunks(self, source, start, stop, *, size):
        for chunk in super()._chunks(source, start, stop, size=size):
            CountingReader.decoded += len(chunk)
            yield chunk


@pytest.fixture
def films(tmp_path):
    """Videos with labels for their frames, the first training video cut in two records."""
    CountingReader.decoded = 0
    draws, records = np.random.default_rng(0), []
    for name, length in LENGTHS.items():
        path = write_film(tmp_path / f"{name}.mp4", [frame(n * 3 + len(name)) for n in range(length)])
        whole = SequenceRecord(name, path, labels=draws.integers(2, size=length), split=name[:-1])
        parts = [(0, 4), (4, 9)] if name == "train0" else [None]
        for span in parts:
            labels = whole.labels[slice(*span)] if span else whole.labels
            records.append(replace(whole, id=f"{name}{span or ''}", labels=labels, span=span))
    return records


def data(records, reader=None, **settings):
    reader = reader or CountingReader(width=16, height=16)
    read = partial(SequenceSet, records, ("a", "b"))
    return SequenceData(read, reader, **{"batch_size": 2, "num_workers": 0, **settings})


def network(kind=FrameLabeller, trainable="none", seed=0):
    torch.manual_seed(seed)
    encoder = SmallCNN(image_size=16, channels=[4, 6], strides=[2, 2], pooled=True, trainable=trainable)
    front = partial(PictureFront, encoder, size=5)
    return kind(front, partial(Recurrent, GRUCell, hidden_size=6), classes=2)


def predictions(model, loader):
    with torch.no_grad():
        found = [(batch.ids, model.eval()(batch.frames, batch.lengths)) for batch in loader]
    return [(ids, out[0] if isinstance(out, tuple) else out) for ids, out in found]


@pytest.mark.parametrize("window", [None, 3])
def test_predictions_are_those_of_the_frames_in_training_and_validation(films, tmp_path, window):
    model, plain, made = network(), data(films, window=window), data(films, window=window)
    made.prepare(model, cache=tmp_path / "cache", device=CPU)
    for loaders in ("train_dataloader", "val_dataloader"):
        with_cache, without = (predictions(model, getattr(each, loaders)()) for each in (made, plain))
        assert len(with_cache) == len(without)
        for (ids, found), (same, expected) in zip(with_cache, without, strict=True):
            assert ids == same
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    batch = next(iter(made.train_dataloader()))
    assert batch.frames.dim() == 3, "features, not pictures"


# what torch and Lightning say to developers of Lightning
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_frames_are_decoded_once_over_all_epochs_and_runs(films, tmp_path):
    for _ in range(2):
        model = network()
        made = data(films)
        made.prepare(model, cache=tmp_path / "cache", device=CPU)
        task = Labelling(
            model,
            classes=("a", "b"),
            loss=FrameLoss(),
            optimizer=partial(torch.optim.SGD, lr=0.1),
            scheduler=lambda optimizer, steps: torch.optim.lr_scheduler.ConstantLR(optimizer),
            contents={},
        )
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        Trainer(accelerator="cpu", max_epochs=3, enable_model_summary=False, **quiet).fit(task, datamodule=made)
    assert CountingReader.decoded == sum(LENGTHS.values())


@pytest.mark.parametrize(
    ("trainable", "settings", "cache"),
    [("all", {}, "cache"), ("none", {"augmentation": {"same": lambda x: x}}, "cache"), ("none", {}, None)],
)
def test_frames_stay_frames_where_features_would_change_or_nothing_may_be_kept(
    films, tmp_path, trainable, settings, cache
):
    made = data(films, **settings)
    made.prepare(network(trainable=trainable), cache=cache and tmp_path / cache, device=CPU)
    assert next(iter(made.train_dataloader())).frames.dtype == torch.uint8
    assert not (tmp_path / "cache").exists()


def test_a_video_that_grew_is_not_taken_for_the_labelled_one(films, tmp_path):
    write_film(films[-1].source, LENGTHS["val0"] + 2)
    made = data(films)
    made.prepare(network(), cache=tmp_path / "cache", device=CPU)
    with pytest.raises(UserError, match=r"val0: 9 frames, but 7 labels; see data\.align"):
        list(made.val_dataloader())


def test_pictures_seen_whole_are_kept_too(tmp_path, monkeypatch):
    draws, records = np.random.default_rng(0), []
    for number in range(6):
        path = tmp_path / f"{number}.png"
        Image.fromarray(draws.integers(256, size=(20, 16, 3), dtype=np.uint8)).save(path)
        records.append(SequenceRecord(path.name, path, "ab"[number % 2], split="train" if number < 4 else "val"))
    reader = PictureReader(order="whole", size=16)
    model = network(SequenceClassifier)
    expected = predictions(model, data(records, reader).val_dataloader())
    first = data(records, reader)
    first.prepare(model, cache=tmp_path / "cache", device=CPU)
    reads, read = [], PictureReader.read
    monkeypatch.setattr(PictureReader, "read", lambda *given: reads.append(given[1].name) or read(*given))
    again = data(records, reader)
    again.reader = first.reader
    again.prepare(model, cache=tmp_path / "cache", device=CPU)
    ((ids, found),) = predictions(model, again.val_dataloader())
    assert reads == ["0.png", "4.png"], "one of each split, for the shape"
    assert ids == expected[0][0]
    torch.testing.assert_close(found, expected[0][1], atol=1e-5, rtol=1e-5)


def test_the_features_of_arrays_in_memory_are_kept_too(tmp_path):
    draws = np.random.default_rng(0)
    pixels = draws.integers(256, size=(4, 16, 16, 3), dtype=np.uint8)
    records = [SequenceRecord(str(n), p, "ab"[n % 2], split=("train", "val")[n % 2]) for n, p in enumerate(pixels)]
    made = data(records, PictureReader(order="whole"))
    model = network(SequenceClassifier)
    expected = predictions(model, made.val_dataloader())
    made.prepare(model, cache=tmp_path / "cache", device=CPU)
    assert next(iter(made.val_dataloader())).frames.dtype == torch.float32, "features, no pixels"
    ((ids, found),) = predictions(model, made.val_dataloader())
    assert ids == expected[0][0]
    torch.testing.assert_close(found, expected[0][1], atol=1e-5, rtol=1e-5)


def test_the_training_windows_are_made_once(films):
    made = data(films, window=3)
    training = made.dataset("train", training=True)
    assert made.order("train") is not None
    assert made.dataset("train", training=True) is training
