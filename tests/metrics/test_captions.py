"""All scores in one call: equal to the published numbers, with controls that keep them honest."""

import gc
import importlib.util
import json
import subprocess
import sys
import warnings

import numpy as np
import pytest

from seqvision.errors import UserError
from seqvision.metrics import (
    CaptionScores,
    DocumentFrequencies,
    caption_scores,
    meteor_missing,
    meteor_nltk,
    shuffled_scores,
    tokenize_ptb,
)
from seqvision.metrics import meteor as meteor

PUBLISHED = {"bleu_1": "Bleu_1", "bleu_2": "Bleu_2", "bleu_3": "Bleu_3", "bleu_4": "Bleu_4"}
PUBLISHED |= {"rouge_l": "ROUGE_L", "cider_d": "CIDEr"}
CAPTIONS = ["A red dog runs.", "Two cats sit.", "The man sleeps!"]
REFERENCES = [["A red dog runs", "a dog"], ["two cats sit down", "cats", "some cats"], ["a man is asleep"]]


def scored_set(folder, name):
    data = json.loads((folder / f"{name}.json").read_text())
    keys = list(data["candidates"])
    return data, keys, [data["candidates"][k] for k in keys], [data["references"][k] for k in keys]


@pytest.mark.parametrize("name", ["coco_human_1000_dev", "abstract48S_candsB"])
def test_raw_captions_score_as_published(shared_data, name):
    data, keys, candidates, references = scored_set(shared_data("caption_metrics"), name)
    scores = caption_scores(candidates, references)
    for ours, theirs in PUBLISHED.items():
        unit = 1 if ours == "cider_d" else 100  # percent of what the reference gives as shares
        assert scores.corpus[ours] == pytest.approx(unit * data["corpus"][theirs], abs=1e-7), ours
        expected = [unit * data["per_item"][theirs][key] for key in keys]
        np.testing.assert_allclose(scores.per_item[ours], expected, atol=1e-7, err_msg=ours)


def test_nlg_eval_example_scores_as_published(shared_data):
    folder = shared_data("caption_metrics")
    hypotheses, first, second = (
        [line.strip() for line in (folder / name).read_text().splitlines()]
        for name in ("hyp.txt", "ref1.txt", "ref2.txt")
    )
    scores = caption_scores(hypotheses, list(map(list, zip(first, second, strict=True))), tokenized=True).corpus
    expected = {"bleu_1": 55.0, "bleu_2": 42.8174, "bleu_3": 28.4043, "bleu_4": 20.1143}
    expected |= {"rouge_l": 52.2104, "cider_d": 1.242192}
    assert {name: scores[name] for name in expected} == pytest.approx(expected, abs=1e-4)


def test_human_captions_of_other_pictures_score_far_lower(shared_data):
    _, _, candidates, references = scored_set(shared_data("caption_metrics"), "coco_human_1000_dev")
    real, control = caption_scores(candidates, references), shuffled_scores(candidates, references, seed=0)
    assert control.corpus["cider_d"] < 0.1 * real.corpus["cider_d"]
    assert control.corpus["bleu_4"] < 0.2 * real.corpus["bleu_4"]


def test_keys_and_lengths_are_those_promised():
    scores = caption_scores(CAPTIONS, REFERENCES)
    per_item = {"bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider_d", "exact_match"}
    assert isinstance(scores, CaptionScores)
    assert set(scores.per_item) == per_item
    assert set(scores.corpus) == per_item | {"distinct", "commonest_share"}
    assert all(len(values) == 3 for values in scores.per_item.values())
    assert scores.per_item["exact_match"] == [100, 0, 0]
    assert scores.corpus["exact_match"] == pytest.approx(100 / 3)
    assert json.loads(json.dumps(scores.corpus)) == scores.corpus  # plain floats, ready for a file


def test_means_of_single_captions_are_the_corpus_scores():
    scores = caption_scores(CAPTIONS, REFERENCES)
    for name in ("rouge_l", "cider_d", "exact_match"):
        assert scores.corpus[name] == pytest.approx(np.mean(scores.per_item[name]))


def test_tokenized_captions_are_cut_at_blanks_only():
    raw = caption_scores(["A dog."], [["a dog"]] * 1, document_frequencies=DocumentFrequencies(9, {}))
    cut = caption_scores(["A dog."], [["a dog"]] * 1, document_frequencies=DocumentFrequencies(9, {}), tokenized=True)
    assert raw.corpus["exact_match"] == 100
    assert cut.corpus["bleu_1"] == pytest.approx(0, abs=1e-4)


def test_a_single_picture_leaves_cider_undefined():
    with pytest.warns(UserWarning, match="CIDEr is undefined for a single picture"):
        scores = caption_scores(["A dog"], [["a dog", "the dog"]])
    assert np.isnan(scores.corpus["cider_d"])
    assert scores.corpus["bleu_1"] == pytest.approx(100)


def test_repeated_captions_show_in_the_shares():
    scores = caption_scores(["a dog", "A dog.", "a dog", "a cat"], [["x y"], ["y z"], ["z w"], ["w x"]]).corpus
    assert scores["distinct"] == 50
    assert scores["commonest_share"] == 75


def test_references_as_one_string_are_refused():
    with pytest.raises(
        UserError, match=r"References of picture 0 are one string, 'a dog'; expected a list: \['a dog'\]"
    ):
        caption_scores(["a dog"], ["a dog"])


def test_a_single_picture_has_no_shuffled_control():
    with pytest.raises(UserError, match="needs at least two"):
        shuffled_scores(["a"], [["a"]], seed=0)


def test_captions_that_fit_only_their_pictures_score_nothing_when_shuffled():
    assert caption_scores(["a b", "c d", "e f"], [["a b"], ["c d"], ["e f"]]).corpus["exact_match"] == 100
    shuffled = shuffled_scores(["a b", "c d", "e f"], [["a b"], ["c d"], ["e f"]], seed=3)
    assert shuffled.corpus["rouge_l"] == shuffled.corpus["cider_d"] == 0


class NoSynonyms:
    def synsets(self, word):
        return []


def test_meteor_by_hand():
    pytest.importorskip("nltk", reason="METEOR needs nltk")
    # both words match in one chunk of two: 1 - 0.5 * (1/2)^3; nothing matches
    scores = meteor_nltk([["red", "dogs"], ["cat"]], [[["red", "dog"], ["x"]], [["y"]]], wordnet=NoSynonyms())
    np.testing.assert_allclose(scores, [1 - 0.5 * 0.5**3, 0])


@pytest.fixture
def no_wordnet(monkeypatch, tmp_path):
    """nltk without data, Debian's place empty, and nothing remembered."""
    nltk = pytest.importorskip("nltk", reason="METEOR needs nltk")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    monkeypatch.setattr(meteor, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(meteor, "_DAMAGE", [])
    meteor._wordnet.cache_clear()
    yield tmp_path
    meteor._wordnet.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nltk leaves files open
        gc.collect()


def test_meteor_without_its_data_says_what_to_install(no_wordnet):
    with pytest.warns(UserWarning, match="nltk has no WordNet here; type: python -m nltk.downloader wordnet"):
        scores = caption_scores(CAPTIONS, REFERENCES, meteor=True)
    assert "meteor_nltk" not in scores.corpus
    with pytest.raises(UserError, match="apt install wordnet-base wordnet-sense-index"):
        meteor_nltk([["a"]], [[["a"]]])


def test_meteor_without_nltk_says_what_to_install(no_wordnet, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'seqvision[meteor]'" in meteor_missing()


def write_wordnet(folder):
    """A WordNet of two synsets a part of speech, in the files that Debian installs."""
    folder.mkdir(parents=True)
    words_of = {"noun": ("dog", "good"), "verb": ("dog", "run"), "adj": ("good",), "adv": ("good",)}
    for pos, words in words_of.items():
        letter = "r" if pos == "adv" else pos[0]
        index, data = [], "  1 WordNet 3.0 Copyright\n"
        for word in words:
            index.append(f"{word} {letter} 1 0 1 0 {len(data):08d}  ")
            frames = "00 " if pos == "verb" else ""
            data += f"{len(data):08d} 03 {letter} 02 {word} 0 {word}let 0 000 {frames}| what it is  \n"
        (folder / f"data.{pos}").write_text(data)
        (folder / f"index.{pos}").write_text("\n".join(index) + "\n")
        (folder / f"{pos}.exc").write_text("")


def test_debians_wordnet_is_found(no_wordnet):
    write_wordnet(no_wordnet / "debian")
    assert meteor_missing() is None
    # both words match, one as a synonym, in one chunk
    np.testing.assert_allclose(meteor_nltk([["red", "dog"]], [[["red", "doglet"]]]), [1 - 0.5 * 0.5**3])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # nltk leaves files open
@pytest.mark.parametrize("file", ["index.adj", "data.noun", "data.adv", "verb.exc"])
def test_an_incomplete_wordnet_is_named(no_wordnet, file):
    write_wordnet(no_wordnet / "debian")
    (no_wordnet / "debian" / file).unlink()
    assert f"{no_wordnet / 'debian'} is incomplete" in meteor_missing()
    assert file in meteor_missing()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_damaged_wordnet_is_a_warning_and_remembered(no_wordnet):
    write_wordnet(no_wordnet / "debian")
    text = (no_wordnet / "debian" / "data.verb").read_text()
    (no_wordnet / "debian" / "data.verb").write_text(text.replace("03 v 02 run 0", "03 v xx run 0"))
    with pytest.warns(UserWarning, match="METEOR is left out: WordNet is damaged"):
        found = caption_scores(["a dog can run", "red"], [["a dog can walk"], ["blue"]], meteor=True)
    assert "bleu_4" in found.corpus
    assert "meteor_nltk" not in found.corpus
    assert "WordNet is damaged" in meteor_missing()


def test_meteor_is_among_the_scores_where_it_is_installed(monkeypatch):
    monkeypatch.setattr("seqvision.metrics.captions.meteor_nltk", lambda words, references: np.array([1.0, 0.5, 0.0]))
    scores = caption_scores(CAPTIONS, REFERENCES, meteor=True)
    assert scores.corpus["meteor_nltk"] == 0.5
    assert scores.per_item["meteor_nltk"] == [1.0, 0.5, 0.0]


def test_scoring_needs_no_torch():
    code = "import sys, seqvision.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_scores_of_other_scripts_are_not_all_or_nothing():
    scores = caption_scores(["一只狗在草地上跑", "Собака бежит"], [["一只狗在跑"], ["собака спит"]])
    assert tokenize_ptb("Собака бежит") == ["собака", "бежит"]
    assert all(30 < value < 100 for value in scores.per_item["bleu_1"])
