"""Captions do not depend on how the pictures are served, and what cannot be read is said and skipped."""

import numpy as np
import pytest
from PIL import Image

from seqvision.data import SubwordVocabulary, WordVocabulary
from seqvision.errors import UserError
from seqvision.inference import caption_pictures, load_captioner, make_decoder
from seqvision.inference.captioning import pieces_of


@pytest.fixture(scope="module")
def captioner(tiny_run):
    return load_captioner(tiny_run)


def texts(captioners, pictures, *arguments, **options):
    return {p.path: p.text for p in caption_pictures(captioners, pictures, *arguments, **options)}


def test_captions_do_not_depend_on_batches_or_order(captioner, tiny_pictures):
    one_by_one = texts(captioner, tiny_pictures, batch_size=1)
    assert len(set(one_by_one.values())) > 3, "the pictures make no difference, so that this test says nothing"
    assert texts(captioner, tiny_pictures[::-1], batch_size=5) == one_by_one
    assert list(texts(captioner, tiny_pictures[::-1])) == tiny_pictures[::-1]


@pytest.mark.parametrize("options", [{}, {"beam_size": 3}, {"decoding": "diverse"}, {"temperature": 1.0, "seed": 4}])
def test_an_ensemble_of_the_same_model_is_that_model(captioner, tiny_pictures, options):
    alone = texts(captioner, tiny_pictures, make_decoder(**options))
    assert texts([captioner, captioner], tiny_pictures, make_decoder(**options)) == alone


def test_an_ensemble_takes_the_mean_of_the_probabilities(captioner, second_run, tiny_pictures):
    other = load_captioner(second_run)
    together = list(caption_pictures([captioner, other], tiny_pictures, make_decoder(max_length=1)))
    parts = [list(caption_pictures(member, tiny_pictures, make_decoder(max_length=1))) for member in (captioner, other)]
    agreeing = 0
    for both, first, second in zip(together, *parts, strict=True):
        if first.text == second.text == both.text:
            agreeing += 1
            first_probability, second_probability = (np.exp(p.captions[0].log_probability) for p in (first, second))
            assert np.exp(both.captions[0].log_probability) <= max(first_probability, second_probability)
    reverse = list(caption_pictures([other, captioner], tiny_pictures, make_decoder(max_length=1)))
    assert [p.text for p in reverse] == [p.text for p in together]


def test_attention_belongs_to_the_words(captioner, tiny_pictures):
    for picture in caption_pictures(captioner, tiny_pictures[:3], make_decoder(n_best=3)):
        for caption in picture.captions:
            assert "".join(caption.pieces) == caption.text
            assert caption.attention.shape == (len(caption.pieces), 4, 4)
            np.testing.assert_allclose(caption.attention.sum((1, 2)), 1, rtol=1e-5)


def test_several_captions_come_best_first_and_differ(captioner, tiny_pictures):
    for picture in caption_pictures(captioner, tiny_pictures, make_decoder(n_best=4)):
        scores = [caption.score for caption in picture.captions]
        assert scores == sorted(scores, reverse=True)
        assert len({caption.text for caption in picture.captions}) == len(picture.captions) == 4


def test_unreadable_pictures_are_handed_over_and_the_rest_is_done(captioner, tiny_pictures, tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "cut.png").write_bytes(tiny_pictures[0].read_bytes()[:200])
    bad = [tmp_path / "empty.png", tmp_path / "cut.png", tmp_path / "absent.png"]
    mixed = [tiny_pictures[0], bad[0], bad[1], tiny_pictures[1], bad[2], tiny_pictures[2]]
    reported = []
    found = texts(captioner, mixed, batch_size=2, on_unreadable=lambda path, error: reported.append((path, str(error))))
    assert found == texts(captioner, tiny_pictures[:3])
    assert [path for path, _ in reported] == bad
    assert all(path.name in message for path, message in reported)
    with pytest.raises(UserError, match=r"empty\.png: the file is empty"):
        texts(captioner, mixed)


def test_forbidden_words_never_occur_and_required_ones_always(captioner, tiny_pictures):
    usual = texts(captioner, tiny_pictures)
    word = next(iter(usual.values())).split()[0]
    assert all(word not in text.split() for text in texts(captioner, tiny_pictures, forbid=[word]).values())
    asked = texts(captioner, tiny_pictures, make_decoder(beam_size=4), require=["pink moon"])
    assert all("pink moon" in text for text in asked.values())


@pytest.mark.parametrize("option", ["forbid", "require"])
def test_an_unknown_word_is_refused_with_a_near_one(captioner, tiny_pictures, option):
    with pytest.raises(UserError, match=rf"--{option}: the model does not know 'trianlge': did you mean triangle"):
        texts(captioner, tiny_pictures, **{option: ["trianlge"]})


@pytest.mark.parametrize(("required", "inside"), [("circle", ""), ("red circle", ", of 'red circle',")])
def test_a_word_that_is_required_and_forbidden_is_named(captioner, tiny_pictures, required, inside):
    with pytest.raises(UserError, match=f"^'circle'{inside} is both required and forbidden; leave out"):
        texts(captioner, tiny_pictures, forbid=["pink", "circle"], require=[required])


def test_a_phrase_cannot_be_forbidden(captioner, tiny_pictures):
    with pytest.raises(UserError, match="'red circle' is 2 entries of the vocabulary, expected one word"):
        texts(captioner, tiny_pictures, forbid=["red circle"])


def test_captioners_of_different_vocabularies_cannot_write_together(captioner, tiny_pictures):
    from dataclasses import replace

    other = replace(captioner, vocabulary=WordVocabulary.build(["a cat on a mat"]))
    with pytest.raises(UserError, match=r"different vocabularies \(\d+ and 8 entries; '.+' is only in one of them\)"):
        texts([captioner, other], tiny_pictures)
    with pytest.raises(UserError, match="no checkpoint"):
        texts([], tiny_pictures)


def test_pictures_of_all_shapes_and_modes(captioner, tmp_path):
    paths = []
    for number, (mode, size) in enumerate([("L", (1, 1)), ("RGBA", (300, 20)), ("CMYK", (20, 300)), ("P", (33, 31))]):
        paths.append(tmp_path / f"{number}.tif")
        Image.new(mode, size).save(paths[-1])
    assert len(texts(captioner, paths)) == 4


@pytest.mark.parametrize("text", ["the dogs' bowl, a cat!", "flag: Spain", "a “good” day", "café au lait 🙂 日本"])
@pytest.mark.parametrize("kind", [WordVocabulary, SubwordVocabulary])
def test_pieces_make_up_the_caption(kind, text):
    pytest.importorskip("tokenizers")
    vocabulary = kind.build([text, "other words"])
    tokens = vocabulary.encode(text)
    pieces = pieces_of(vocabulary, tokens)
    assert "".join(piece for piece, _ in pieces) == vocabulary.decode(tokens)
    assert [place for _, places in pieces for place in places] == list(range(len(tokens)))
