"""Batches have names, and padding is never data."""

import pytest
import torch

from seqvision.data.batches import CaptionSample, collate
from seqvision.data.vocabulary import END, PAD, START
from seqvision.errors import UserError


def sample(name: str, *tokens: int, **parts) -> CaptionSample:
    return CaptionSample(name, tokens, **parts)


def test_captions_stand_between_start_and_end_and_padding_follows():
    batch = collate([sample("a", 5, 6, 7), sample("b", 8), sample("c")])
    assert batch.tokens.tolist() == [[START, 5, 6, 7, END], [START, 8, END, PAD, PAD], [START, END, PAD, PAD, PAD]]
    assert batch.lengths.tolist() == [5, 3, 2]
    assert batch.ids == ["a", "b", "c"]
    assert len(batch) == 3
    assert batch.images is None
    assert batch.features is None


def test_more_padding_changes_nothing_else():
    samples = [sample("a", 5, 6, 7), sample("b", 8)]
    wide = collate(samples, width=9)
    assert wide.tokens.shape == (2, 9)
    assert torch.equal(wide.tokens[:, :5], collate(samples).tokens)
    assert (wide.tokens[:, 5:] == PAD).all()
    assert torch.equal(wide.lengths, collate(samples).lengths)
    with pytest.raises(ValueError, match="width=4 is less than the longest caption's 5 tokens"):
        collate(samples, width=4)


def test_pixels_and_features_are_stacked():
    pixels = [torch.full((3, 4, 4), n, dtype=torch.uint8) for n in range(2)]
    features = [torch.rand(2, 2, 6) for _ in range(2)]
    batch = collate([sample(str(n), 4, image=pixels[n], features=features[n]) for n in range(2)])
    assert torch.equal(batch.images, torch.stack(pixels))
    assert torch.equal(batch.features, torch.stack(features))


def test_moving_a_batch_moves_every_tensor():
    batch = collate([sample("a", 5, image=torch.zeros(3, 2, 2, dtype=torch.uint8), features=torch.zeros(4))])
    moved = batch.to("meta")
    assert {t.device.type for t in (moved.images, moved.features, moved.tokens, moved.lengths)} == {"meta"}
    assert moved.ids == batch.ids
    assert collate([sample("a", 5)]).to("meta").images is None


def test_pictures_of_two_sizes_are_refused_by_name():
    parts = [torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(3, 4, 5, dtype=torch.uint8)]
    with pytest.raises(UserError, match=r"one shape of image: 'a' has \(3, 4, 4\), 'b' has \(3, 4, 5\)"):
        collate([sample("a", 4, image=parts[0]), sample("b", 4, image=parts[1])])
    with pytest.raises(UserError, match=r"'a' has \(3, 4, 4\), 'b' has None"):
        collate([sample("a", 4, image=parts[0]), sample("b", 4)])
