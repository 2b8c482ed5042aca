"""A reader's scores are counted right, beside looks that nobody chose."""

import io
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from seqvision.data import WholePictureReader
from seqvision.data.labelled.symbols import Symbols
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError
from seqvision.figures import Page
from seqvision.inference.reading import LoadedReader, answer, read
from seqvision.inference.reading_evaluation import Looked, evaluate_reading, look_at, multiply_adds
from seqvision.inference.reading_report import ReadingReport
from seqvision.metrics.looks import read_rightly, stopping_table
from seqvision.models import DRAM, RAM
from seqvision.rnn import ElmanCell, Recurrent

DIGITS = [np.random.default_rng(seed).integers(256, size=(9, 9), dtype=np.uint8) for seed in range(5)]


def loaded(objects=1, *, backward=False, seed=0):
    symbols = Symbols("012", most=max(1, objects - 1), several=objects > 1, backward=backward)
    torch.manual_seed(seed)
    settings = {"classes": symbols.classes, "objects": symbols.objects, "pictures": {"channels": 1}, "looks": 3}
    kind = partial(RAM, size=4) if objects == 1 else partial(DRAM, size=4, channels=(4,))
    model = kind(partial(Recurrent, ElmanCell, hidden_size=8), **settings).eval()
    return LoadedReader(model, {}, Path("best.ckpt"), symbols, WholePictureReader(shape=(9, 9, 1)), ())


def records(labels):
    return [
        SequenceRecord(id=str(number), source=picture, label=label)
        for number, (picture, label) in enumerate(zip(DIGITS, labels, strict=True))
    ]


def test_what_is_evaluated_is_what_the_command_reads():
    reader = loaded()
    looked = look_at([reader], records("01201"), batch_size=2, paths=2)
    found = [answer_.label for _, answer_ in read(reader, DIGITS)]
    assert [each.label for each in looked.answers] == found
    assert reader.model.policy == "learnt"


def test_readers_together_share_drawn_paths_and_random_looks_too():
    members = [loaded(seed=seed) for seed in range(3)]
    truth = records("01201")
    alone = [look_at([member], truth, paths=2) for member in members]
    together = look_at(members, truth, paths=2)
    for name in ("answers", "sampled", "random"):
        for picture, found in enumerate(getattr(together, name)):
            each = [getattr(one, name)[picture].beliefs for one in alone]
            np.testing.assert_allclose(found.beliefs, np.mean(each, axis=0), atol=1e-6, err_msg=name)
    assert all(member.model.policy == "learnt" for member in members)


def test_right_answers_are_counted():
    reader = loaded()
    looked = look_at([reader], records("01201"), paths=2)
    said = [each.label for each in looked.answers]
    truth = [said[0], said[1], said[2], str((int(said[3]) + 1) % 3), None]
    found = evaluate_reading(looked, records(truth), reader, split="test", resamples=20)
    assert found.scores["accuracy"] == pytest.approx(75)
    assert found.scores["symbols"] == pytest.approx(75)
    assert found.sizes == {"pictures": 4}
    assert "left out for want of a label: 1" in found.notes
    assert found.by_looks[-1] == pytest.approx(75)
    assert found.stopping[-1][1:] == (pytest.approx(75), 3)
    assert {"random_looks", "one_look", "shuffled"} <= set(found.controls)
    assert found.controls["one_look"]["accuracy"] == pytest.approx(found.by_looks[0])


def test_readers_of_both_directions_stand_beside_each_alone():
    forward, backward = loaded(3), loaded(3, backward=True, seed=1)
    truth = records(["01", "2", "12", "00", "22"])
    looked = look_at([forward], truth, backward=backward, batch_size=2, paths=2)
    pair = [found for _, found in read(forward, DIGITS, backward=backward)]
    assert [each.label for each in looked.answers] == [each.label for each in pair]
    assert [each.probability for each in looked.answers] == pytest.approx([each.probability for each in pair])
    for name, reader in (("forward", forward), ("backward", backward)):
        single = [found for _, found in read(reader, DIGITS)]
        assert [each.label for each in looked.alone[name]] == [each.label for each in single]
    found = evaluate_reading(looked, truth, forward, backward=backward, split="test", resamples=20)
    alone = evaluate_reading(look_at([forward], truth, paths=2), truth, forward, split="test", resamples=0)
    assert found.controls["forward"]["symbols"] == alone.scores["symbols"]
    assert found.multiply_adds == alone.multiply_adds + multiply_adds(backward, truth[0])
    assert [len(answers) for answers in looked[:2].alone.values()] == [2, 2]
    turned = look_at([backward], truth, backward=forward, batch_size=2, paths=2)
    for name in ("forward", "backward"):
        assert [each.label for each in turned.alone[name]] == [each.label for each in looked.alone[name]]


def test_what_two_directions_say_is_averaged_whatever_their_numbers_of_looks():
    """The forward reader hesitates between two strings, the backward one between two others; one is common to both."""
    forward, backward = loaded(3), loaded(3, backward=True)
    ahead = np.full((9, 4), 0.01)
    for place, symbols in enumerate(((0, 1), (2,), (3,))):
        ahead[3 * place + 2, list(symbols)] = 0.97 / len(symbols)
    behind = np.full((3, 4), 0.01)
    for place, symbols in enumerate(((2, 1), (1,), (3,))):
        behind[place, list(symbols)] = 0.97 / len(symbols)
    found = answer(forward, ahead, np.zeros((9, 2)), backward=behind)
    assert found.label == "12"
    assert answer(backward, ahead, np.zeros((9, 2))).label in ("20", "21"), "who reads from the end says it turned"


def test_each_probability_is_that_of_its_own_symbol_in_either_direction():
    ahead = np.full((9, 4), 0.01)
    for place, (symbol, likely) in enumerate(((0, 0.9), (2, 0.6), (3, 0.8))):
        ahead[3 * place + 2, symbol] = likely
    for backward, expected in ((False, {"0": 0.9, "2": 0.6}), (True, {"2": 0.6, "0": 0.9})):
        found = answer(loaded(3, backward=backward), ahead, np.zeros((9, 2)))
        assert list(zip(found.symbols, found.probabilities, strict=True)) == list(expected.items())


def test_strings_count_as_a_whole_and_by_symbols():
    reader = loaded(objects=3)
    beliefs = np.full((5, 9, 4), 0.01)
    for picture, symbols in enumerate(([0, 1, 3], [2, 3, 0], [1, 1, 3], [0, 3, 0], [2, 2, 3])):
        for place, symbol in enumerate(symbols):
            beliefs[picture, 3 * place : 3 * place + 3, symbol] = 0.97
    answers = [answer(reader, rows, np.zeros((9, 2))) for rows in beliefs]
    assert [each.label for each in answers] == ["01", "2", "11", "0", "22"]
    assert [len(each.places) for each in answers] == [9, 6, 9, 6, 9]
    looked = Looked(beliefs, np.zeros((5, 9, 2)), answers, answers, answers)
    truth = records(["01", "2", "12", "00", "22"])
    found = evaluate_reading(looked, truth, reader, split="test", resamples=0)
    assert found.scores["accuracy"] == pytest.approx(60)
    assert found.scores["symbols"] == pytest.approx(100 * 7 / 9)
    assert not found.by_looks
    assert looked[::2].answers == answers[::2]


def test_symbols_that_the_reader_does_not_know_are_named():
    reader = loaded()
    looked = look_at([reader], records("01201"), paths=1)
    for strange in ("7", "seven"):
        with pytest.raises(UserError, match=f"the label '{strange}', which the model does not know"):
            evaluate_reading(looked, records(["0", "1", "2", strange, "1"]), reader, split="test")
    with pytest.raises(UserError, match="the symbol '7', which the model does not know"):
        evaluate_reading(looked, records(["0", "1", "2", "27", "1"]), loaded(3), split="test")
    with pytest.raises(UserError, match="none of 5 pictures has a label"):
        evaluate_reading(looked, records([None] * 5), reader, split="test")


def test_multiply_adds_grow_with_the_looks():
    reader = loaded()
    three = multiply_adds(reader, records("01201")[0])
    reader.model.looks = 6
    six = multiply_adds(reader, records("01201")[0])
    assert three > 3 * 8 * (8 + 3)
    assert 1.8 < six / three < 2.2


def test_a_reader_that_stops_when_sure_takes_fewer_looks():
    confidence = np.array([[0.55, 0.9, 0.99], [0.2, 0.3, 0.4], [0.95, 0.96, 0.97]])
    right = np.array([[False, True, True], [False, False, True], [True, True, False]])
    table = {threshold: (accuracy, looks) for threshold, accuracy, looks in stopping_table(confidence, right)}
    assert table[0.5] == (pytest.approx(100 * 2 / 3), pytest.approx(5 / 3))
    assert table[0.9] == (pytest.approx(100), pytest.approx(2))
    assert table[1.1] == (pytest.approx(100 * 2 / 3), 3)


def test_the_threshold_weighs_looks_against_answers():
    reader = replace(loaded(), stopping=((0.5, 80.0, 1.5), (0.9, 90.0, 2.5), (1.1, 91.0, 3.0)))
    assert reader.threshold(0.0) == 1.1
    assert reader.threshold(3.0) == 0.9
    assert reader.threshold(50.0) == 0.5


@pytest.mark.parametrize(
    ("shift", "said"), [(0, "Surest and wrong, test: There is no mistake."), (1, "Read rightly, test: There is none.")]
)
def test_a_heading_with_nothing_below_says_so(shift, said):
    reader = loaded()
    answers = [found for _, found in read(reader, DIGITS)]
    labels = ["012"[("012".index(found.label) + shift) % 3] for found in answers]
    truth = records(labels)
    page = io.StringIO()
    with Page(page, "reader") as open_page:
        ReadingReport(reader, look_at([reader], truth), truth, split="test").write(open_page)
    notes = re.findall(r"<h2>(.*?)</h2>(?:\n<p class=\"note\">(.*?)</p>)?", page.getvalue())
    assert said in [f"{heading}: {note}" for heading, note in notes]


def test_without_labels_no_example_is_called_right_or_wrong():
    reader, page = loaded(), io.StringIO()
    truth = records([None] * len(DIGITS))
    with Page(page, "reader") as open_page:
        ReadingReport(reader, look_at([reader], truth), truth, split="test").write(open_page)
    assert "<h2>" not in page.getvalue()


def test_symbols_count_the_same_from_either_end():
    draws = np.random.default_rng(0)
    strings = [[list(draws.choice(list("012"), size=draws.integers(1, 7))) for _ in range(200)] for _ in range(2)]
    whole, right, number = read_rightly(*strings)
    turned = [[string[::-1] for string in some] for some in strings]
    for one, other in zip((whole, right, number), read_rightly(*turned), strict=True):
        np.testing.assert_array_equal(one, other)
    assert ((right >= 0) & (right <= number) & ((right == number) == whole)).all()
    for found in (["1", "2", "3", "4"], ["2", "3", "4", "1"]):  # one too many at either end
        assert [each.tolist() for each in read_rightly([found], [["2", "3", "4"]])] == [[False], [3], [4]]
    for one in "01":  # of a single symbol it is whether that is right
        assert [each.tolist() for each in read_rightly([[one]], [["1"]])] == [[one == "1"], [int(one == "1")], [1]]


def test_shuffled_answers_are_those_to_other_labels_in_whatever_order_the_pictures_come():
    reader = loaded()
    looked = look_at([reader], records("01201"), paths=1)
    answers = [replace(looked.answers[0], symbols=[label]) for label in "00112"]
    found = evaluate_reading(replace(looked, answers=answers), records("00112"), reader, split="test", resamples=0)
    assert (found.scores["accuracy"], found.controls["shuffled"]["accuracy"]) == (100, 0)
