"""Whole pictures with labels: their reader, their batches, strings, canvases, and the data module over them."""

from functools import partial
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image

from seqvision.data import Composer, LabelledPictures, PictureJitter, WholePictureReader, read_digits
from seqvision.data.labelled.batches import picture_batch
from seqvision.data.labelled.symbols import Symbols, split_label, written
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.errors import UserError


def module(**settings):
    read = partial(read_digits)
    return LabelledPictures(read, WholePictureReader(), splits={"val": 0.1, "test": 0.2, "seed": 0}, **settings)


def files(folder, shapes, mode="RGB"):
    paths = []
    for number, (height, width) in enumerate(shapes):
        paths.append(folder / f"{number}.png")
        Image.new(mode, (width, height), 40 * (number + 1) if mode == "L" else (40 * (number + 1), 0, 255)).save(
            paths[-1]
        )
    return paths


def test_a_batch_is_as_large_as_its_largest_picture_and_black_beyond():
    pictures = [torch.full((1, 2, 5), 7, dtype=torch.uint8), torch.full((1, 4, 3), 9, dtype=torch.uint8)]
    batch = picture_batch(["a", "b"], pictures, [[1, 2], [3]])
    assert batch.images.shape == (2, 1, 4, 5)
    assert batch.sizes.tolist() == [[2, 5], [4, 3]]
    assert batch.labels.tolist() == [[1, 2], [3, -1]]
    assert int(batch.images.sum()) == 7 * 10 + 9 * 12


def test_pictures_of_one_size_set_it_for_others(tmp_path):
    paths = files(tmp_path, [(6, 8), (6, 8)])
    reader = WholePictureReader().fitted(paths)
    assert reader.shape == (6, 8, 3)
    other = files(tmp_path, [(12, 16)])[0]
    assert reader(other).shape == (3, 6, 8)
    assert WholePictureReader.from_settings(reader.settings()) == reader


def test_pictures_of_several_sizes_keep_their_own(tmp_path):
    paths = files(tmp_path, [(6, 8), (1, 1), (30, 10)])
    reader = WholePictureReader().fitted(paths)
    assert [tuple(reader(path).shape) for path in paths] == [(3, 6, 8), (3, 1, 1), (3, 30, 10)]
    smaller = WholePictureReader(longest=15).fitted(paths)
    assert [tuple(smaller(path).shape) for path in paths] == [(3, 6, 8), (3, 1, 1), (3, 15, 5)]
    square = WholePictureReader(size=7).fitted(paths)
    assert {tuple(square(path).shape) for path in paths} == {(3, 7, 7)}


def test_grey_pictures_have_one_channel_and_can_be_inverted(tmp_path):
    paths = files(tmp_path, [(4, 4), (4, 4)], mode="L")
    reader = WholePictureReader().fitted(paths)
    assert reader.shape == (4, 4, 1)
    assert reader(paths[0]).unique().tolist() == [40]
    assert WholePictureReader(invert=True).fitted(paths)(paths[0]).unique().tolist() == [215]


def test_arrays_come_out_as_they_are():
    digit = read_digits().records[0].source
    reader = WholePictureReader().fitted([digit])
    assert np.array_equal(reader(digit)[0].numpy(), digit)


def test_labels_are_classes_or_strings():
    assert split_label("cat", ["cat", "dog"]) == ["cat"]
    assert split_label("cat dog", ["cat", "dog"]) == ["cat", "dog"]
    assert split_label("305", list("0123456789")) == ["3", "0", "5"]
    assert split_label(None, ["a"]) == []
    assert Symbols("0123456789", most=2).split("ten") == ["t", "e", "n"]
    assert Symbols("0123456789").split("ten") == ["ten"], "one class a picture: a name is not spelt"
    assert Symbols("0123456789").split(None) == []
    assert written(["3", "0"], list("0123")) == "30"
    assert written(["cat", "dog"], ["cat", "dog"]) == "cat dog"


@pytest.mark.parametrize("backward", [False, True])
def test_symbols_go_there_and_back(backward):
    symbols = Symbols("0123", most=3, several=True, backward=backward)
    assert (symbols.classes, symbols.objects, symbols.end) == (5, 4, 4)
    assert symbols.encode(["1", "3"]) == ([3, 1, 4] if backward else [1, 3, 4])
    assert symbols.decode([*symbols.encode(["1", "3"]), 2]) == ["1", "3"]
    assert Symbols(**symbols.settings()).encode(["1", "3"]) == symbols.encode(["1", "3"])


POOL = [np.full((6, 4), 50 * (number + 1), np.uint8) for number in range(4)]


def test_what_lies_on_a_canvas_is_named_from_left_to_right():
    composer = Composer(size=(20, 60), count=(1, 4))
    for seed in range(50):
        canvas, places = composer(POOL, Random(seed))
        assert canvas.shape == (20, 60)
        assert 1 <= len(places) <= 4
        columns = canvas.max(axis=0)
        seen = [int(value) for value in columns[np.flatnonzero(np.diff(columns, prepend=0))] if value]
        assert {50 * (place + 1) for place in places} >= set(seen)  # one may lie above another in the same columns
        if len(set(seen)) == len(places) == len(set(places)):
            assert [value for n, value in enumerate(seen) if value not in seen[:n]] == [50 * (p + 1) for p in places]


def test_a_row_stays_on_the_canvas_and_in_order():
    composer = Composer(size=(10, 22), count=(5, 5), arrange="row", gap=(0, 3))
    for seed in range(30):
        canvas, places = composer(POOL, Random(seed))
        first = [int(np.flatnonzero((canvas == 50 * (place + 1)).any(axis=0))[0]) for place in (places[0], places[-1])]
        assert first[0] <= first[1]
        assert len(places) == 5


def test_pieces_of_others_are_laid_under_what_is_to_be_read():
    plain, cluttered = (Composer(size=30, clutter=pieces, piece=3) for pieces in (0, 5))
    areas = [sum(int((make(POOL, Random(seed))[0] > 0).sum()) for seed in range(20)) for make in (plain, cluttered)]
    assert areas[0] == 20 * 24
    assert areas[1] > 1.5 * areas[0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"size": 3}, "data.compose.size is 3 x 3 pixels, too small for a picture of 6 x 4"),
        ({"size": 6, "count": (3, 3)}, "3 pictures do not fit"),
    ],
)
def test_a_canvas_too_small_says_so(settings, said):
    with pytest.raises(UserError, match=said):
        Composer(**settings)(POOL, Random(0))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"label": "product"}, "data.compose.label is 'product'"),
        ({"arrange": "ring"}, "data.compose.arrange is 'ring'"),
        ({"count": (3, 1)}, "data.compose.count is"),
    ],
)
def test_wrong_settings_are_named(settings, said):
    with pytest.raises(UserError, match=said):
        Composer(**settings)


def test_canvases_are_new_in_training_and_the_same_in_evaluation():
    data = module(compose=Composer(size=20, count=(1, 2)), canvases={"val": 30}, batch_size=16, num_workers=0)
    assert data.model_sizes() == {
        "classes": 11,
        "objects": 3,
        "pictures": {"channels": 1, "height": 20, "width": 20},
    }
    loader = data.train_dataloader()
    first = next(iter(loader))
    loader.batches.set_epoch(1)
    assert first.images.shape == (16, 1, 20, 20)
    assert not torch.equal(first.images, next(iter(loader)).images)
    one, other = (next(iter(data.val_dataloader())) for _ in range(2))
    assert len(one) == 30
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.labels, other.labels)
    lengths = (first.labels >= 0).sum(dim=1)
    assert first.labels.gather(1, lengths.unsqueeze(1) - 1).eq(10).all()  # the end mark


def test_canvases_of_a_split_are_made_of_its_own_pictures():
    data = module(compose=Composer(size=20))
    for split, canvases in data.records.items():
        assert {id(record) for record in canvases.pool} == {id(record) for record in data.pictures[split]}
        assert canvases[3].label == canvases[3].label
        assert canvases[3].id == f"{split}/000003"


def test_sums_are_classes():
    data = module(compose=Composer(size=24, count=(2, 2), label="sum"), num_workers=0)
    assert data.model_sizes()["classes"] == 19
    assert data.symbols.objects == 1
    batch = data.dataset("val", training=False).__getitems__([*map(item, range(8))])
    assert batch.labels.tolist() == [[int(record.label)] for record in data.records["val"][:8]]


def test_sums_of_words_are_refused():
    records = [SequenceRecord(id=name, source=POOL[0], label=name, split="train") for name in ("cat", "dog")]
    data = LabelledPictures(
        lambda: SequenceSet(records, ("cat", "dog")), WholePictureReader(), compose=Composer(label="sum")
    )
    with pytest.raises(UserError, match="must be numbers; they are: cat, dog"):
        data.model_sizes()


def test_memorising_composed_canvases_trains_and_validates_on_the_same():
    data = module(compose=Composer(size=20), memorise=4, batch_size=4, num_workers=0)
    trained, validated = next(iter(data.train_dataloader())), next(iter(data.val_dataloader()))
    assert sorted(trained.ids) == sorted(validated.ids)
    order = [trained.ids.index(id) for id in validated.ids]
    assert torch.equal(trained.images[order], validated.images)


def test_jitter_moves_pictures_and_comes_again_with_the_seed():
    pictures = torch.zeros(6, 1, 12, 18, dtype=torch.uint8)
    pictures[:, :, 4:8, 6:12] = 200
    first = PictureJitter()(pictures, range(6))
    assert torch.equal(first, PictureJitter()(pictures, range(6)))
    assert torch.equal(first[2:], PictureJitter()(pictures[2:], range(2, 6)))
    assert not torch.equal(first[0], first[1])
    assert torch.equal(PictureJitter(rotation=0, scale=0, shift=0)(pictures, range(6)), pictures)
    mass = first.float().sum(dim=(1, 2, 3)) / pictures.float().sum(dim=(1, 2, 3))
    assert mass.min() > 0.8
    assert mass.max() < 1.25


def test_a_turned_picture_keeps_its_shape_though_it_is_wider_than_high():
    picture = torch.zeros(1, 1, 21, 41, dtype=torch.uint8)
    picture[:, :, 8:13, 18:23] = 255  # a square round the middle
    turned = PictureJitter(rotation=30, scale=0, shift=0)(picture, [0])[0, 0] > 127
    rows, columns = turned.any(dim=1).sum(), turned.any(dim=0).sum()
    assert abs(int(rows) - int(columns)) <= 1


def test_augmentation_is_drawn_by_the_items_seed():
    data = module(augmentation={"jitter": PictureJitter(shift=2)}, num_workers=0)
    dataset = data.dataset("train", training=True)
    items = [item(number) for number in range(4)]
    first, again = dataset.__getitems__(items), dataset.__getitems__(items)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, data.dataset("train", training=False).__getitems__(items).images)


def item(number):
    from seqvision.data.loading import Item

    return Item(number, number)
