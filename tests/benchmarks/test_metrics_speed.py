"""Caption metrics against the PyPI package pycocoevalcap: equal scores, several times as fast.

Run it by itself, without the type checks that tests add:
OMP_NUM_THREADS=1 pytest -s -o addopts=--import-mode=importlib tests/benchmarks/test_metrics_speed.py
"""

import itertools
import random
import statistics
import time

import numpy as np
import pytest

from seqvision.metrics import CiderReferences, caption_scores, cider_d

PICTURES, REFERENCES, ROUNDS, AT_LEAST = 5000, 5, 5, 4.0


def captions_of(seed: int) -> tuple[list[str], list[list[str]]]:
    """Captions with the statistics of real ones: 8 to 14 words, Zipf's frequencies, references that share words."""
    draw = random.Random(seed)
    vocabulary = [f"word{i}" for i in range(8000)]
    frequencies = list(itertools.accumulate(1 / (i + 3) for i in range(8000)))
    candidates, references = [], []
    for _ in range(PICTURES):
        topic = draw.choices(vocabulary, cum_weights=frequencies, k=14)
        texts = [
            " ".join(
                w if draw.random() < 0.6 else draw.choices(vocabulary, cum_weights=frequencies)[0]
                for w in topic[: draw.randint(8, 14)]
            )
            for _ in range(REFERENCES + 1)
        ]
        candidates.append(texts[0])
        references.append(texts[1:])
    return candidates, references


def test_scores_are_equal_and_several_times_as_fast():
    bleu = pytest.importorskip("pycocoevalcap.bleu.bleu", reason="compares with pycocoevalcap, not installed")
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    candidates, references = captions_of(seed=0)
    truth, result = dict(enumerate(references)), {i: [text] for i, text in enumerate(candidates)}

    def theirs():
        scorers = [bleu.Bleu(4), Rouge(), Cider()]
        return [
            scorer.compute_score(truth, result, **({"verbose": 0} if i == 0 else {}))
            for i, scorer in enumerate(scorers)
        ]

    times: dict[str, list[float]] = {"seqvision": [], "pycocoevalcap": []}
    for _ in range(ROUNDS):  # interleaved, so that a busy machine is busy for both
        start = time.perf_counter()
        scores = caption_scores(candidates, references, tokenized=True)
        middle = time.perf_counter()
        (bleu_corpus, bleu_items), (_, rouge_items), (_, cider_items) = theirs()
        times["seqvision"].append(middle - start)
        times["pycocoevalcap"].append(time.perf_counter() - middle)

    for order in range(4):
        assert scores.corpus[f"bleu_{order + 1}"] == pytest.approx(100 * bleu_corpus[order], abs=1e-7)
        np.testing.assert_allclose(scores.per_item[f"bleu_{order + 1}"], 100 * np.array(bleu_items[order]), atol=1e-7)
    np.testing.assert_allclose(scores.per_item["rouge_l"], 100 * np.array(rouge_items), atol=1e-7)
    np.testing.assert_allclose(scores.per_item["cider_d"], cider_items, atol=1e-9)
    ours, reference = (statistics.median(times[name]) for name in ("seqvision", "pycocoevalcap"))
    print(
        f"\nBLEU, ROUGE-L and CIDEr-D of {PICTURES} pictures with {REFERENCES} references, medians of {ROUNDS}: "
        f"seqvision {ours:.3f} s, pycocoevalcap {reference:.3f} s, ratio {reference / ours:.1f}"
    )
    assert reference / ours >= AT_LEAST


def test_kept_references_are_faster_than_counting_them_again():
    candidates, references = captions_of(seed=1)
    words = [[text.split() for text in texts] for texts in references]
    rewards = CiderReferences(dict(enumerate(words)))
    pictures = list(range(64)) * 5  # a batch of 64 pictures, five sampled captions each
    sampled = [candidates[(picture + shift) % PICTURES].split() for shift, picture in enumerate(pictures)]
    kept_time, counted_time = [], []
    for _ in range(20):
        start = time.perf_counter()
        kept = rewards.score(pictures, sampled)
        middle = time.perf_counter()
        counted = cider_d(
            sampled, [words[picture] for picture in pictures], document_frequencies=rewards.document_frequencies
        )
        kept_time.append(middle - start)
        counted_time.append(time.perf_counter() - middle)
    np.testing.assert_allclose(kept, counted, atol=1e-9)
    kept_median, counted_median = statistics.median(kept_time), statistics.median(counted_time)
    print(
        f"\nCIDEr-D of 320 captions: references kept {1e3 * kept_median:.1f} ms, counted {1e3 * counted_median:.1f} ms"
    )
    assert kept_median < counted_median
