"""A training batch shows what validation, the caption command and the feature cache see."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from seqvision.data import ColourJitter, FileCaptions, ImageTransform, TrainTransform
from seqvision.data.batches import CaptionSample, collate
from seqvision.data.loading import Item
from seqvision.encoders import SmallCNN


@pytest.fixture
def photographs(folder) -> Path:
    """Twelve photographs that are decoded at half and quarter scale for 32 pixels, with two captions each."""
    root = folder({f"{n}.txt": f"picture {n}\nnumber {n} of a dozen" for n in range(12)})
    for number in range(12):
        waves = np.sin(np.arange(150)[:, None] / (3 + number) + np.arange(200) / 7)
        pixels = np.stack([waves, waves.round(), -waves], axis=2) * 100 + 128
        Image.fromarray(pixels.astype(np.uint8)).resize((80 + 20 * number, 150)).save(root / f"{number}.jpg")
    return root


def data(root: Path, *, augmentation=None, **settings) -> FileCaptions:
    transform = ImageTransform(32, "pad")
    splits = {"val": 0.25, "test": 0.15}
    return FileCaptions(
        path=root, splits=splits, transform=transform, augmentation=augmentation, batch_size=5, **settings
    )


def images(loader) -> dict[str, torch.Tensor]:
    return {id: image for batch in loader for id, image in zip(batch.ids, batch.images, strict=True)}


@pytest.mark.parametrize("workers", ["auto", 0, 1])
def test_pixels_are_those_of_the_caption_command(photographs, workers):
    module = data(photographs, num_workers=workers)
    transform = ImageTransform.from_settings(module.image_transform.settings())  # what a checkpoint carries
    loader = module.train_dataloader()
    for _ in range(2):  # from the files, and from memory
        for id, image in images(loader).items():
            assert image.dtype == torch.uint8
            assert torch.equal(image, transform(photographs / id))
    for id, image in images(module.val_dataloader()).items():
        assert torch.equal(image, transform(photographs / id))


def test_a_batch_is_what_its_samples_make(photographs):
    module = data(photographs, augmentation={"flip": v2.RandomHorizontalFlip(), "colour": ColourJitter(0.2, 0.2)})
    dataset = module.train_dataloader().dataset
    augment = TrainTransform(module.image_transform, module.augmentation)
    items = [Item(3, 8), Item(0, 5), Item(3, 7)]
    batch = dataset.__getitems__(items)
    samples = []
    for item in items:
        record = dataset.records[item.record]
        words = module.vocabulary.encode(record.captions[item.seed % 2])
        samples.append(CaptionSample(record.id, words, augment(record.image, item.seed)))
    expected = collate(samples)
    assert batch.ids == expected.ids
    for name in ("images", "tokens", "lengths"):
        assert torch.equal(getattr(batch, name), getattr(expected, name))
    assert not torch.equal(batch.images[0], batch.images[2]), "one picture, two seeds"


def test_kept_pictures_are_read_once(photographs, monkeypatch):
    loader = data(photographs).train_dataloader()
    first = images(loader)
    monkeypatch.setattr(ImageTransform, "__call__", lambda *_: pytest.fail("read again"))
    second = images(loader)
    assert all(torch.equal(first[id], second[id]) for id in first)


def test_channels_lie_last_all_the_way(photographs):
    for batch in data(photographs, augmentation={"flip": v2.RandomHorizontalFlip()}).train_dataloader():
        assert batch.images.is_contiguous(memory_format=torch.channels_last)


def test_cached_features_are_gathered_a_batch_at_a_time(photographs, tmp_path):
    torch.manual_seed(0)
    encoder = SmallCNN(channels=(4,), strides=(4,), trainable="none", image_size=32).eval()
    module = data(photographs)
    module.compute_features(encoder, tmp_path / "cache")
    loader = module.train_dataloader()
    assert loader.num_workers == 0
    for batch in loader:
        assert batch.images is None
        pictures = torch.stack([module.image_transform(photographs / id) for id in batch.ids])
        with torch.no_grad():
            torch.testing.assert_close(batch.features, encoder(pictures))


def test_few_pictures_need_no_workers_and_many_get_some(photographs, monkeypatch):
    monkeypatch.setattr("seqvision.data.captions.KEEP_BYTES", 0)
    monkeypatch.setattr("seqvision.data.module.usable_cores", lambda: 2)
    assert data(photographs).train_dataloader().num_workers == 0
    monkeypatch.setattr("seqvision.data.module.time.perf_counter", iter(range(0, 9999, 60)).__next__)
    assert data(photographs).train_dataloader().num_workers == 2
    assert data(photographs, num_workers=1).train_dataloader().num_workers == 1
