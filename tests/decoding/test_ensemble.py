import pytest
import torch

from seqvision.decoding import BeamSearch, Ensemble, GreedySearch
from seqvision.errors import UserError


def test_an_ensemble_of_one_is_that_one(toy_captioner, pictures):
    model, features = toy_captioner(1, vocabulary=15), pictures(5)
    decoder = BeamSearch(4, max_length=8, n_best=4)
    for mine, theirs in zip(decoder(Ensemble([model]), (features,)), decoder(model, features), strict=True):
        assert [h.tokens for h in mine] == [h.tokens for h in theirs]
        assert [h.score for h in mine] == pytest.approx([h.score for h in theirs], abs=1e-5)
        for a, b in zip(mine, theirs, strict=True):
            torch.testing.assert_close(a.attention, b.attention)


def test_two_models_average_their_probabilities(toy_captioner, pictures):
    models, features = [toy_captioner(1), toy_captioner(2)], [pictures(3), pictures(3, seed=1)]
    ensemble = Ensemble(models)
    memory, state = ensemble.start(features)
    tokens = torch.tensor([[4], [5], [6]])
    output = ensemble.step(tokens, state, memory)
    each = [model.step(tokens, *reversed(model.start(own))) for model, own in zip(models, features, strict=True)]
    mean = (each[0].logits.softmax(-1) + each[1].logits.softmax(-1)) / 2
    torch.testing.assert_close(output.logits.exp(), mean)
    torch.testing.assert_close(output.attention, (each[0].attention + each[1].attention) / 2)


def test_a_batch_of_an_ensemble_gives_what_its_pictures_give_one_by_one(toy_captioner, pictures):
    ensemble = Ensemble([toy_captioner(1, end_bias=1.0), toy_captioner(2, end_bias=1.0)])
    first, second = pictures(6), pictures(6, seed=1, places=5)
    together = BeamSearch(3, max_length=8)(ensemble, (first, second))
    alone = [BeamSearch(3, max_length=8)(ensemble, (first[i : i + 1], second[i : i + 1]))[0] for i in range(6)]
    assert [own[0].tokens for own in together] == [own[0].tokens for own in alone]
    assert together[0][0].attention is None, "the members look at different numbers of places"


def test_features_and_vocabularies_that_do_not_fit_are_refused(toy_captioner, pictures):
    with pytest.raises(UserError, match="found no models"):
        Ensemble([])
    pair = Ensemble([toy_captioner(1), toy_captioner(2, vocabulary=9)])
    with pytest.raises(UserError, match="one entry for each of the 2 models, found Tensor"):
        GreedySearch()(pair, pictures(2))
    with pytest.raises(UserError, match="one entry for each of the 2 models, found 1 entries"):
        GreedySearch()(pair, (pictures(2),))
    with pytest.raises(UserError, match="vocabularies have 8, 9 entries"):
        GreedySearch()(pair, (pictures(2), pictures(2)))
