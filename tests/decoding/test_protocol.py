from dataclasses import replace
from typing import NamedTuple

import pytest
import torch

from seqvision.decoding import BeamSearch, DiverseBeamSearch, GreedySearch, Sampling, select_beams, select_rows

DECODERS = [GreedySearch(max_length=6), Sampling(max_length=6), BeamSearch(3, max_length=6), DiverseBeamSearch(6)]


class Pair(NamedTuple):
    hidden: torch.Tensor
    cell: torch.Tensor | None


def test_rows_and_beams_are_picked_through_the_whole_tree():
    numbers = torch.arange(24).view(2, 3, 4)
    tree = {"pair": Pair(numbers, None), "list": [numbers[..., 0]], "tuple": (numbers,)}
    rows = select_rows(tree, torch.tensor([1]))
    assert isinstance(rows["pair"], Pair)
    assert rows["pair"].cell is None
    assert torch.equal(rows["list"][0], numbers[1:, :, 0])
    parents = torch.tensor([[0, 0, 2, 1], [2, 1, 0, 0]])
    beams = select_beams(tree, parents)
    expected = torch.stack([numbers[b, parents[b]] for b in range(2)])
    assert torch.equal(beams["pair"].hidden, expected)
    assert torch.equal(beams["list"][0], expected[..., 0])
    assert torch.equal(beams["tuple"][0], expected)


def test_a_tree_of_anything_else_is_refused():
    with pytest.raises(TypeError, match="found str"):
        select_rows({"name": "h"}, torch.tensor([0]))


@pytest.mark.parametrize("decoder", DECODERS)
def test_no_pictures_give_no_captions(toy_captioner, pictures, decoder):
    assert decoder(toy_captioner(), pictures(0)) == []


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_any_float_dtype_works_and_inference_mode_changes_nothing(toy_captioner, pictures, decoder, dtype):
    model, features = toy_captioner(1), pictures(4).to(dtype)
    for name in ("embedding", "output", "recurrent", "bias"):
        setattr(model, name, getattr(model, name).to(dtype))
    again = replace(decoder)  # a sampler's generator begins anew
    usual = replace(decoder)(model, features)
    with torch.inference_mode():
        fast = again(model, features)
    assert [[h.tokens for h in own] for own in usual] == [[h.tokens for h in own] for own in fast]


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_models_scores_are_left_as_they_are(table_model, decoder):
    model = table_model({1: {4: 0.5, 5: 0.5}, 4: {5: 0.5, 4: 0.5}, 5: {4: 0.9, 2: 0.1}}, 6)
    before = model.logits.clone()
    decoder(model, torch.zeros(2, 1), required=[(5,)])
    assert torch.equal(model.logits, before)


def test_memory_is_never_copied_per_beam_and_shrinks_with_the_batch(toy_captioner, pictures):
    model = toy_captioner(3, vocabulary=30, end_bias=1.0)
    shapes = []
    step = model.step

    def spy(tokens, state, memory):
        shapes.append((tokens.shape[0], *memory["places"].shape))
        return step(tokens, state, memory)

    model.step = spy
    BeamSearch(5, max_length=15)(model, pictures(10))
    assert all([rows, 3, 6] == places for rows, *places in shapes)
    assert shapes[0][0] == 10 > shapes[-1][0]
