"""Scores of translations are sacrebleu's, their intervals and comparisons those of resampled sentences."""

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF

from seqvision.errors import UserError
from seqvision.metrics.translation import nearest_translations, paired_bootstrap, translation_scores

WRITTEN = ["A man sleeps in a green room.", "two dogs run on the grass", "A woman", "the cat, the cat and the hat"]
WANTED = [
    "A man is sleeping in a green room.",
    "Two dogs are running on grass.",
    "A woman sings.",
    "the cat and the hat",
]
REFERENCES = [(text,) for text in WANTED]


def test_scores_and_signatures_are_those_of_sacrebleu():
    found = translation_scores(WRITTEN, REFERENCES)
    for name, metric in (("bleu", BLEU(lowercase=True)), ("bleu_cased", BLEU()), ("chrf", CHRF(lowercase=True))):
        assert found.corpus[name] == pytest.approx(metric.corpus_score(WRITTEN, [WANTED]).score, abs=1e-9)
        assert found.signatures[name] == str(metric.get_signature())
    assert "case:lc" in found.signatures["bleu"]
    single = {"bleu": BLEU(lowercase=True, effective_order=True), "chrf": CHRF(lowercase=True)}
    for name, metric in single.items():
        expected = [metric.sentence_score(text, [wanted]).score for text, wanted in zip(WRITTEN, WANTED, strict=True)]
        np.testing.assert_allclose(found.per_item[name], expected, atol=1e-9)


def test_several_references_and_different_numbers_of_them():
    references = [(WANTED[0], WRITTEN[0]), (WANTED[1],), (WANTED[2], "A girl", "A woman"), (WANTED[3],)]
    columns = [WANTED, [WRITTEN[0], None, "A girl", None], [None, None, "A woman", None]]
    found = translation_scores(WRITTEN, references)
    assert found.corpus["bleu"] == pytest.approx(BLEU(lowercase=True).corpus_score(WRITTEN, columns).score, abs=1e-9)
    assert found.corpus["exact_match"] == 50


def test_capitals_count_in_one_score_only():
    shouted = [text.upper() for text in WANTED]
    found = translation_scores(shouted, REFERENCES)
    assert found.corpus["bleu"] == pytest.approx(100)
    assert found.corpus["bleu_cased"] < 5
    assert found.corpus["exact_match"] == 100
    assert found.per_item["exact_match"] == [100] * 4


def test_intervals_hold_the_score_and_narrow_with_sentences():
    few = translation_scores(WRITTEN, REFERENCES, resamples=200).intervals
    many = translation_scores(WRITTEN * 20, REFERENCES * 20, resamples=200).intervals
    whole = translation_scores(WRITTEN * 20, REFERENCES * 20).corpus
    for name, (lower, upper) in many.items():
        assert lower <= whole[name] <= upper
        if name != "exact_match":  # which none is
            assert upper - lower < few[name][1] - few[name][0]
    assert translation_scores(WRITTEN, REFERENCES).intervals == {}


def test_paired_bootstrap_sees_what_is_better_and_what_is_the_same():
    better = [text.replace("sleeps", "is sleeping") for text in WRITTEN] * 10
    found = paired_bootstrap(better, WRITTEN * 10, REFERENCES * 10, resamples=300)
    scores = [translation_scores(texts, REFERENCES * 10).corpus["bleu"] for texts in (better, WRITTEN * 10)]
    assert found.difference == pytest.approx(scores[0] - scores[1])
    assert found.interval[0] > 0
    assert found.p_value < 0.05
    same = paired_bootstrap(WRITTEN, WRITTEN, REFERENCES, resamples=50, score="chrf")
    assert same.difference == 0
    assert same.interval is same.p_value is None, "nothing shows how far they may lie apart"


def test_a_sentence_is_not_its_own_neighbour_where_it_may_be_among_the_known():
    sources = ["ein Hund läuft", "Ein Hund  läuft", "ein Hund schläft"]
    assert nearest_translations(sources, ["1", "2", "3"], sources, apart=True) == ["3", "3", "1"]
    assert nearest_translations(sources[:2], ["1", "2"], sources, apart=True)[:2] == ["", ""]


def test_the_nearest_sentence_lends_its_translation():
    sources = ["ein Hund läuft", "eine Katze schläft", "ein Mann singt"]
    found = nearest_translations(sources, ["dog", "cat", "man"], ["die Katze schläft dort", "Hund", "ganz fremd"])
    assert found[:2] == ["cat", "dog"]
    assert found[2] == "dog"  # the first, where none is near


def test_what_does_not_fit_is_said():
    with pytest.raises(UserError, match="1 translations and references for 4 sentences"):
        translation_scores(WRITTEN[:1], REFERENCES)
    with pytest.raises(UserError, match="sentence 2 has no reference"):
        translation_scores(WRITTEN, [REFERENCES[0], (), *REFERENCES[2:]])
    with pytest.raises(UserError, match="4 translations against 3"):
        paired_bootstrap(WRITTEN, WRITTEN[:3], REFERENCES)
    with pytest.raises(UserError, match="score 'ter': expected one of bleu"):
        paired_bootstrap(WRITTEN, WRITTEN, REFERENCES, score="ter")
    with pytest.raises(UserError, match="resamples is 0"):
        paired_bootstrap(WRITTEN, WRITTEN, REFERENCES, resamples=0)
