"""BLEU, ROUGE-L and CIDEr-D by hand, against their reference implementation and at their edges."""

import math
import random

import numpy as np
import pytest

from seqvision.errors import UserError
from seqvision.metrics import CiderReferences, DocumentFrequencies, bleu, cider_d, longest_common_subsequence, rouge_l

WORDS = ["a", "the", "dog", "cat", "man", "runs", "sits", "on", "in", "grass", "red", "two", "of", "with"]


def random_captions(pictures=60, seed=0, most_references=6, shortest=0):
    """Captions of a small vocabulary, so that n-grams collide often; a varying number of references a picture."""
    draw = random.Random(seed)

    def caption(least):
        return draw.choices(WORDS, k=draw.randint(least, 12))

    references = [[caption(1) for _ in range(draw.randint(1, most_references))] for _ in range(pictures)]
    return [caption(shortest) for _ in range(pictures)], references


def test_bleu_by_hand():
    # 'the' may match twice, as often as in the one reference that has it most; 5 words against the closest length, 6
    candidate = ["the", "the", "the", "cat", "sat"]
    references = [["the", "cat", "on", "the", "red", "mat"], ["a", "cat"]]
    corpus, items = bleu([candidate], [references])
    brevity = math.exp(1 - 6 / 5)
    assert corpus[0] == pytest.approx(brevity * 3 / 5, abs=1e-6)
    assert corpus[1] == pytest.approx(brevity * math.sqrt(3 / 5 * 1 / 4), abs=1e-6)
    assert corpus[2] == pytest.approx(0, abs=1e-4)
    np.testing.assert_allclose(items[:, 0], corpus)


def test_of_two_equally_close_lengths_the_shorter_one_counts():
    corpus, _ = bleu([["a", "b", "c"]], [[["a", "b", "c", "d"], ["a", "b"]]])
    assert corpus[0] == pytest.approx(1, abs=1e-6)


def test_rouge_by_hand():
    # 'the cat mat' is common: 3 of 4 words of the candidate, 3 of 6 of the reference
    (score,) = rouge_l([["the", "cat", "mat", "there"]], [[["the", "cat", "on", "the", "red", "mat"]]])
    assert score == pytest.approx((1 + 1.44) * 0.75 * 0.5 / (0.5 + 1.44 * 0.75))


def test_rouge_takes_precision_and_recall_from_whichever_reference_is_best():
    (score,) = rouge_l([["a", "b"]], [[["a", "b", "c", "d"], ["b"]]])
    assert score == pytest.approx(1)


@pytest.mark.parametrize("seed", range(5))
def test_common_subsequences_equal_the_classic_table(seed):
    draw = random.Random(seed)
    first, second = (draw.choices(WORDS[:5], k=draw.randint(0, 150)) for _ in range(2))
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, a in enumerate(first, 1):
        for j, b in enumerate(second, 1):
            table[i][j] = table[i - 1][j - 1] + 1 if a == b else max(table[i - 1][j], table[i][j - 1])
    assert longest_common_subsequence(first, second) == table[-1][-1]


def test_cider_by_hand():
    # three pictures of one reference each; 'a' is everywhere and weighs nothing, every other n-gram is in one
    # picture: log 3. The candidate equals its reference in 'dog' and differs in the rest.
    candidates = [["a", "dog"], ["a", "cat"], ["a", "cow"]]
    references = [[["a", "dog"]], [["a", "bird"]], [["a", "cow"]]]
    scores = cider_d(candidates, references)
    # 1-grams and 2-grams agree fully, 3- and 4-grams do not exist: a mean of 1/2, times ten
    np.testing.assert_allclose(scores, [5, 0, 5])


def test_cider_punishes_a_difference_in_length():
    references = [[["dog"]], [["cat"]]]
    longer = cider_d([["dog", "dog", "dog"], ["cat"]], references)
    assert longer[0] == pytest.approx(10 / 4 * (1 / 3) * math.exp(-(2**2) / 72))  # one of three dogs counts


@pytest.mark.parametrize("seed", range(3))
def test_scores_equal_the_reference_implementation(seed):
    rouge = pytest.importorskip("pycocoevalcap.rouge.rouge", reason="compares with pycocoevalcap, not installed")
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider

    candidates, references = random_captions(seed=seed)
    result = {i: [" ".join(tokens)] for i, tokens in enumerate(candidates)}
    truth = {i: [" ".join(tokens) for tokens in texts] for i, texts in enumerate(references)}
    corpus, items = bleu(candidates, references)
    expected_corpus, expected_items = Bleu(4).compute_score(truth, result, verbose=0)
    np.testing.assert_allclose(corpus, expected_corpus, atol=1e-12)
    np.testing.assert_allclose(items, expected_items, atol=1e-12)
    np.testing.assert_allclose(rouge_l(candidates, references), rouge.Rouge().compute_score(truth, result)[1])
    np.testing.assert_allclose(cider_d(candidates, references), Cider().compute_score(truth, result)[1], atol=1e-12)


def test_order_of_pictures_and_of_references_changes_nothing():
    candidates, references = random_captions()
    order = random.Random(1).sample(range(len(candidates)), len(candidates))
    mixed = [candidates[i] for i in order], [references[i][::-1] for i in order]
    np.testing.assert_allclose(bleu(*mixed)[0], bleu(candidates, references)[0])
    np.testing.assert_allclose(bleu(*mixed)[1], bleu(candidates, references)[1][:, order])
    np.testing.assert_allclose(rouge_l(*mixed), rouge_l(candidates, references)[order])
    np.testing.assert_allclose(cider_d(*mixed), cider_d(candidates, references)[order], atol=1e-12)


def test_a_caption_that_is_its_only_reference_scores_best():
    texts = [["a", "red", "dog", "runs"], ["two", "cats", "sit", "there"], ["the", "man", "of", "grass"]]
    references = [[text] for text in texts]
    np.testing.assert_allclose(bleu(texts, references)[0], 1, atol=1e-6)
    np.testing.assert_allclose(rouge_l(texts, references), 1)
    np.testing.assert_allclose(cider_d(texts, references), 10)


def test_an_empty_candidate_scores_zero_and_an_empty_reference_breaks_nothing():
    candidates, references = [[], ["a", "dog"]], [[["a", "dog"]], [["a", "cat"], []]]
    corpus, items = bleu(candidates, references)
    assert items[:, 0].max() < 1e-12
    assert np.isfinite(items).all()
    assert np.isfinite(corpus).all()
    assert rouge_l(candidates, references)[0] == 0
    assert cider_d(candidates, references)[0] == 0
    assert bleu([[]], [[[]]])[0].max() < 1e-12


def test_cider_of_a_single_picture_is_undefined_and_says_so():
    with pytest.warns(UserWarning, match="undefined for a single picture.*at least two pictures"):
        scores = cider_d([["a", "dog"]], [[["a", "dog"], ["the", "dog"]]])
    assert np.isnan(scores).all()
    with pytest.raises(UserError, match="undefined for a single picture"):
        CiderReferences({"x": [["a"]]})


def test_document_frequencies_of_the_references_change_nothing(tmp_path):
    candidates, references = random_captions()
    frequencies = DocumentFrequencies.build(references)
    frequencies.save(tmp_path / "df.json")
    loaded = DocumentFrequencies.load(tmp_path / "df.json")
    assert loaded == frequencies
    given = cider_d(candidates, references, document_frequencies=loaded)
    np.testing.assert_allclose(given, cider_d(candidates, references), atol=1e-12)


def test_document_frequencies_of_a_larger_set_define_cider_of_one_picture():
    candidates, references = random_captions()
    frequencies = DocumentFrequencies.build(references)
    alone = cider_d(candidates[:1], references[:1], document_frequencies=frequencies)
    np.testing.assert_allclose(alone, cider_d(candidates, references)[:1], atol=1e-12)


def test_kept_reference_vectors_give_the_same_cider():
    candidates, references = random_captions()
    rewards = CiderReferences({f"picture {i}": texts for i, texts in enumerate(references)})
    names = [f"picture {i}" for i in range(len(references))]
    for _ in range(2):  # vectors new, vectors kept
        np.testing.assert_allclose(rewards.score(names, candidates), cider_d(candidates, references), atol=1e-12)
    with pytest.raises(UserError, match="no reference captions for picture 'other'"):
        rewards.score(["other"], [["a"]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "df.json: cannot read document frequencies .*give a saved file"),
        ("{", "df.json: expected JSON written by DocumentFrequencies.save"),
        ('{"format": "other"}', "df.json: expected format 'seqvision document frequencies 1', found 'other'"),
        ("[]", "df.json: expected format .*, found 'list'"),
    ],
)
def test_a_file_that_holds_no_document_frequencies_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "df.json").write_text(text)
    with pytest.raises(UserError, match=message):
        DocumentFrequencies.load(tmp_path / "df.json")


@pytest.mark.parametrize("metric", [bleu, rouge_l, cider_d])
@pytest.mark.parametrize(
    ("candidates", "references", "message"),
    [
        ([["a"]], [[["a"]], [["b"]]], "1 candidates but references for 2 pictures: give exactly one"),
        ([], [], "No captions to score.*at least one picture"),
        (
            [["a"], ["b"]],
            [[["a"]], []],
            r"Picture 1 \(candidate .*\) has no reference; every picture needs at least one",
        ),
    ],
)
def test_captions_that_do_not_go_together_are_refused(metric, candidates, references, message):
    with pytest.raises(UserError, match=message):
        metric(candidates, references)
