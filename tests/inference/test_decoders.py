"""Options mean what they say, and an option that would do nothing is refused."""

import pytest

from seqvision.decoding import BeamSearch, DiverseBeamSearch, GreedySearch, Sampling
from seqvision.errors import UserError
from seqvision.inference import make_decoder, trained_decoder


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, GreedySearch),
        ({"n_best": 1, "max_length": 9}, GreedySearch),
        ({"beam_size": 3}, BeamSearch),
        ({"n_best": 7}, BeamSearch),
        ({"length_penalty": 0.5}, BeamSearch),
        ({"temperature": 0.7}, Sampling),
        ({"top_p": 0.9, "n_best": 3}, Sampling),
        ({"decoding": "diverse", "n_best": 4}, DiverseBeamSearch),
    ],
)
def test_the_options_tell_the_decoder(options, kind):
    decoder = make_decoder(**options)
    assert type(decoder) is kind
    assert decoder.max_length == options.get("max_length", 30)


def test_a_beam_is_as_wide_as_the_captions_asked_for():
    assert make_decoder(n_best=7).beam_size == 7
    assert make_decoder(n_best=2).beam_size == 5
    assert make_decoder("sample", n_best=3).samples == 3
    with pytest.raises(UserError, match=r"n_best is 7, but must be 1 to beam_size \(3\)"):
        make_decoder(n_best=7, beam_size=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decoding": "beam", "temperature": 0.5}, "--temperature does nothing with --decoding beam; .* sample"),
        ({"decoding": "greedy", "n_best": 2}, "--n-best does nothing with --decoding greedy; .* beam or diverse or"),
        ({"temperature": 0.5, "beam_size": 3}, "--beam-size does nothing with --decoding sample"),
        ({"decoding": "bean"}, "--decoding bean: expected one of greedy, beam, diverse, sample"),
        ({"top_p": 1.5}, "top_p is 1.5, but must be above 0 and at most 1"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        make_decoder(**options)


def test_captions_are_decoded_as_in_training_unless_told_otherwise():
    config = {"decoding": {"_target_": "seqvision.decoding.BeamSearch", "beam_size": 3, "max_length": 7}}
    decoder = trained_decoder(config)
    assert (type(decoder).__name__, decoder.beam_size, decoder.max_length) == ("BeamSearch", 3, 7)
    assert type(trained_decoder({})).__name__ == "GreedySearch"
    with pytest.raises(UserError, match=r"os\.system.*give --decoding"):
        trained_decoder({"decoding": {"_target_": "os.system", "command": "true"}})
