"""A checkpoint and sentences in, translations out; what they are worth beside the controls."""

import numpy as np
import pytest
import torch
from checkpoints import save_checkpoint
from translators import make_translator

from seqvision.data.parallel import SentencePair
from seqvision.decoding import BeamSearch, GreedySearch
from seqvision.errors import UserError
from seqvision.inference.checkpoint import load_model
from seqvision.inference.translating import LoadedTranslator, source_pieces, translate_sentences
from seqvision.inference.translation_evaluation import evaluate_translations

SENTENCES = ["1 2 3", "", "7", "9 x 9", "4 5"]


@pytest.fixture(scope="module")
def translator(tmp_path_factory) -> LoadedTranslator:
    return load_model(make_translator(tmp_path_factory.mktemp("run")), LoadedTranslator)


@pytest.fixture(scope="module")
def second(tmp_path_factory) -> LoadedTranslator:
    return load_model(make_translator(tmp_path_factory.mktemp("run"), seed=1), LoadedTranslator)


def test_the_checkpoint_brings_both_vocabularies(translator):
    assert translator.source_vocabulary.encode("1 2 3") == translator.source_vocabulary.encode("1  2 3")
    assert "hundred" in translator.target_vocabulary.tokens
    assert not translator.model.training
    assert translator.config["pattern"] == "translation"


def test_a_sentence_is_translated_alike_alone_and_in_any_batch(translator):
    together = list(translate_sentences(translator, SENTENCES))
    assert [found.source for found in together] == SENTENCES
    for size in (1, 2, 4):
        parts = list(translate_sentences(translator, SENTENCES, batch_size=size))
        for ours, theirs in zip(parts, together, strict=True):
            assert ours.text == theirs.text
            assert ours.translations[0].score == pytest.approx(theirs.translations[0].score, abs=1e-5)
    assert len({found.text for found in together}) == len(SENTENCES)


def test_a_blank_line_stays_blank(translator):
    found = list(translate_sentences(translator, SENTENCES))[1]
    assert found.text == ""
    assert found.pieces == ()
    assert found.translations[0].attention is None
    assert [found.text for found in translate_sentences(translator, [" "])] == [""]


def test_unknown_words_are_named_as_they_were_written(translator):
    found = list(translate_sentences(translator, SENTENCES))
    assert found[3].unknown == ("x",)
    assert found[3].pieces == ("9", "x", "9", "⏎")
    assert found[0].unknown == ()


def test_attention_has_a_row_a_piece_and_a_column_a_word_read(translator):
    for found in translate_sentences(translator, SENTENCES, GreedySearch(max_length=6)):
        for translation in found.translations:
            assert "".join(translation.pieces) == translation.text
            if found.pieces:
                assert translation.attention.shape == (len(translation.pieces), len(found.pieces))
                np.testing.assert_allclose(translation.attention.sum(axis=1), 1, atol=1e-5)


def test_subwords_are_put_together_into_what_a_person_reads(tmp_path):
    translator = load_model(make_translator(tmp_path, "vocabulary=subwords", "vocabulary.size=300"), LoadedTranslator)
    tokens = translator.source_vocabulary.encode("1 2 7")
    pieces = source_pieces(translator.source_vocabulary, "1 2 7", tokens)
    assert [place for _, places in pieces for place in places] == list(range(len(tokens)))
    (found,) = translate_sentences(translator, ["1 2 7"])
    assert found.pieces[-1] == "⏎"
    assert found.translations[0].attention.shape[1] == len(found.pieces)


def test_rules_of_decoding_reach_the_translation(translator):
    beam = BeamSearch(3, n_best=3, max_length=8)
    (found,) = translate_sentences(translator, ["1 2"], beam, require=["hundred"])
    assert len(found.translations) == 3
    assert all("hundred" in translation.text for translation in found.translations)
    (found,) = translate_sentences(translator, ["1 2"], beam, forbid=[found.translations[0].pieces[0].strip()])
    with pytest.raises(UserError, match="the model does not know 'million'"):
        list(translate_sentences(translator, ["1 2"], require=["million"]))


def test_an_ensemble_is_its_members_mean(translator, second):
    both = list(translate_sentences([translator, second], SENTENCES))
    same = list(translate_sentences([translator, translator], SENTENCES))
    alone = list(translate_sentences(translator, SENTENCES))
    assert [found.text for found in same] == [found.text for found in alone]
    assert [found.text for found in both] != [found.text for found in alone]
    np.testing.assert_allclose(same[0].translations[0].attention, alone[0].translations[0].attention, atol=1e-5)


def test_members_must_share_their_vocabularies(translator, tmp_path):
    other = load_model(make_translator(tmp_path, "data.below=100", "data.sizes={train: 50, val: 5}"), LoadedTranslator)
    with pytest.raises(UserError, match="different source vocabularies"):
        next(translate_sentences([translator, other], ["1"]))


def test_a_vocabulary_of_another_size_is_refused(tmp_path):
    run = make_translator(tmp_path)
    checkpoint = torch.load(run / "best.ckpt", weights_only=True)
    checkpoint["seqvision"]["source_vocabulary"]["tokens"].append("ten")
    save_checkpoint(checkpoint, run / "best.ckpt")
    with pytest.raises(UserError, match="the vocabulary does not fit the model"):
        load_model(run, LoadedTranslator)


PAIRS = [SentencePair(f"test:{n}", f"{n} {n}", f"the number is {n}") for n in range(12)]
TRAINING = [SentencePair(f"train:{n}", f"{n} {n}", f"a number {n}") for n in range(6)]


class TestEvaluation:
    def test_the_model_stands_beside_its_controls(self):
        found = evaluate_translations(
            [pair.target for pair in PAIRS], PAIRS, split="test", training=TRAINING, resamples=50
        )
        assert found.scores["bleu"] == pytest.approx(100)
        assert set(found.controls) == {"copied", "nearest_neighbour", "shuffled"}
        for name in ("copied", "shuffled", "nearest_neighbour"):
            assert found.controls[name]["chrf"] < 90
        assert found.controls["shuffled"]["exact_match"] == 0
        assert found.intervals == {}, "all sentences are right: nothing shows how far another one may be"
        assert found.ids[0] == "test:0"
        record = found.to_dict()
        assert record["sizes"] == {"sentences": 12}
        assert record["signatures"]["bleu"].startswith("nrefs:1|case:lc")

    def test_without_training_pairs_it_says_what_is_missing(self):
        found = evaluate_translations(["x"] * 12, PAIRS, split="test", resamples=0)
        assert "nearest_neighbour" not in found.controls
        assert found.notes == ["no training pairs: the control that draws on them is left out"]
        assert found.intervals == {}
        assert "12" in str(found.collapse)
