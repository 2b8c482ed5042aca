"""Which tokenizer fits a language, and BLEU in languages that put no blanks between words."""

import importlib.util

import pytest
from sacrebleu.metrics import BLEU

from seqvision.errors import UserError
from seqvision.metrics import caption_scores
from seqvision.metrics.scripts import bleu_tokenizer, divided
from seqvision.metrics.translation import bleu_message, paired_bootstrap, translation_scores

CHINESE = ["二四七七我看见那里的东西", "六一八我看见那里的东西", "五四我看见那里的东西"]
installed = {"ja-mecab": importlib.util.find_spec("MeCab"), "ko-mecab": importlib.util.find_spec("mecab_ko")}
JAPANESE = "ja-mecab" if installed["ja-mecab"] else "char"
KOREAN = "ko-mecab" if installed["ko-mecab"] else "13a"


class TestTheTokenizerOfALanguage:
    @pytest.mark.parametrize(
        ("language", "text", "tokenizer"),
        [
            ("zh", "", "zh"),
            ("zh-CN", "", "zh"),
            ("zh_TW", "", "zh"),
            ("zho", "", "zh"),
            ("yue", "", "zh"),
            ("Chinese", "", "zh"),
            ("ja", "", JAPANESE),
            ("jpn", "", JAPANESE),
            ("ko", "", KOREAN),
            ("th", "", "char"),
            ("lo", "", "char"),
            ("km", "", "char"),
            ("my", "", "char"),
            ("de", "eins zwei", "13a"),
            ("en", "", "13a"),
            (None, "two four 二四", "13a"),
            (None, "二四七七我看见 OK", "zh"),
            ("target", "これは赤い本です", JAPANESE),
            (None, "ประเทศไทย", "char"),
            (None, "ខ្ញុំស្រឡាញ់", "char"),
            (None, "안녕하세요 세계", KOREAN),
            (None, "हिन्दी में एक कुत्ता", "13a"),
            (None, "", "13a"),
        ],
    )
    def test_by_its_code_or_its_script(self, language, text, tokenizer):
        assert bleu_tokenizer("auto", language=language, texts=[text]) == tokenizer

    def test_a_choice_is_taken_or_refused_with_what_to_type(self, monkeypatch):
        assert bleu_tokenizer("char", language="zh", texts=[]) == "char"
        with pytest.raises(UserError, match="'kytea': expected auto or one of 13a, intl, zh"):
            bleu_tokenizer("kytea", language="zh", texts=[])
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(UserError, match=r"pip install 'sacrebleu\[ja\]'"):
            bleu_tokenizer("ja-mecab", language="ja", texts=[])
        assert bleu_tokenizer("auto", language="ja", texts=[]) == "char"
        assert bleu_tokenizer("auto", language="ko", texts=[]) == "13a"


class TestBleuWithoutBlanks:
    def test_exact_translations_are_worth_100_and_the_signature_names_the_tokenizer(self):
        found = translation_scores(CHINESE, [[text] for text in CHINESE], tokenizer="zh")
        assert found.corpus == {"bleu": 100.0, "bleu_cased": 100.0, "chrf": 100.0, "exact_match": 100.0}
        assert "tok:zh" in found.signatures["bleu"]
        assert translation_scores(CHINESE, [[text] for text in CHINESE]).corpus["bleu"] == 100.0  # each is one token
        assert "eff:yes" in translation_scores(CHINESE, [[text] for text in CHINESE]).signatures["bleu"]

    @pytest.mark.parametrize("tokenizer", ["zh", "char", "13a", "intl", "none"])
    def test_the_numbers_are_sacrebleus(self, tokenizer):
        written = ["二四七八我看见那里的东西", "六一八我看见 那里的书", "a dog, it runs fast."]
        wanted = ["二四七七我看见那里的东西", "六一八我看见那里的东西", "a dog, it ran fast."]
        reference = BLEU(lowercase=True, tokenize=tokenizer)
        found = translation_scores(written, [[text] for text in wanted], tokenizer=tokenizer)
        assert found.corpus["bleu"] == pytest.approx(reference.corpus_score(written, [wanted]).score, abs=1e-9)
        assert found.signatures["bleu"] == str(reference.get_signature())

    def test_systems_are_compared_by_the_same_tokenizer(self):
        worse = [text.replace("看见", "听到") for text in CHINESE]
        references = [[text] for text in CHINESE]
        found = paired_bootstrap(CHINESE, worse, references, tokenizer="zh", resamples=20)
        expected = 100.0 - translation_scores(worse, references, tokenizer="zh").corpus["bleu"]
        assert found.difference == pytest.approx(expected)
        assert 20 < expected < 80


class TestSentencesOfFewerThanFourTokens:
    def test_where_no_reference_has_four_bleu_takes_the_orders_that_there_are(self):
        found = translation_scores(["one two", "six"], [["one two"], ["six"]])
        assert found.corpus["bleu"] == 100.0
        assert "eff:yes" in found.signatures["bleu"]
        half = translation_scores(["one two", "five six"], [["one two"], ["six five"]])
        expected = BLEU(lowercase=True, effective_order=True).corpus_score(
            ["one two", "five six"], [["one two", "six five"]]
        )
        assert half.corpus["bleu"] == pytest.approx(expected.score)

    def test_where_some_reference_has_it_is_sacrebleus_0_and_said(self):
        found = translation_scores(["one two", "six"], [["one two"], ["one two three four"]])
        assert found.corpus["bleu"] == 0.0
        message = bleu_message(found.corpus, found.signatures)
        assert message.startswith("BLEU is 0 while 50.0 % of the translations are exactly right")
        assert "eff:no|tok:13a|smooth:exp" in message

    @pytest.mark.parametrize("written", [["six", "six"], ["one two three four", "six"]])
    def test_nothing_is_said_elsewhere(self, written):
        found = translation_scores(written, [["one two three four"], ["five"]])
        assert bleu_message(found.corpus, found.signatures) is None


class TestCaptionsWithoutBlanks:
    REFERENCES = (["一只红色的狗在草地上跑", "一只狗在跑"], ["两个孩子在海边玩"], ["一个男人骑着自行车"])

    def test_a_caption_that_shares_words_with_a_reference_scores(self):
        found = caption_scores(["一只红色的狗在跑", "两个孩子在海边", "一个女人骑着马"], self.REFERENCES)
        divided_by_hand = caption_scores(
            [" ".join("一只红色的狗在跑"), " ".join("两个孩子在海边"), " ".join("一个女人骑着马")],
            [[" ".join(text) for text in texts] for texts in self.REFERENCES],
            tokenized=True,
        )
        assert found.corpus == pytest.approx(divided_by_hand.corpus)
        assert min(found.corpus[name] for name in ("bleu_4", "rouge_l")) > 20
        assert found.corpus["cider_d"] > 0.2

    def test_punctuation_is_dropped_as_in_other_languages(self):
        found = caption_scores(["两个孩子，在海边玩。", "狗"], [["两个孩子在海边玩"], ["猫"]])
        assert [value > 0 for value in found.per_item["exact_match"]] == [True, False]


def test_divided_text_is_otherwise_the_same():
    assert divided("a dog's 2nd ball") == "a dog's 2nd ball"
    assert "".join(divided("a红dog 狗").split()) == "a红dog狗"
    assert divided("ที่ดี").split() == ["ที่", "ดี"]
    assert divided("\U00020bb7x").split() == ["\U00020bb7", "x"]
