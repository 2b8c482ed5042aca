"""A run that begins with another's weights takes all that fit; what is named begins anew; no misfit goes unsaid."""

import pytest
import torch
from checkpoints import save_checkpoint
from torch import nn
from training import SMALL

from seqvision.cli import main
from seqvision.cli.beginning import weights_from
from seqvision.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")


def network(classes):
    return nn.ModuleDict({"body": nn.Linear(4, 3), "output": nn.Linear(3, classes)})


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint's file of a network with two classes, and its weights."""
    weights = network(2).state_dict()
    held = {
        "state_dict": {f"model.{name}": value for name, value in weights.items()},
        "seqvision": {"format": 2, "config": {}},
    }
    save_checkpoint(held, tmp_path / "other.ckpt")
    return str(tmp_path / "other.ckpt"), weights


def test_all_weights_are_taken_but_those_of_what_begins_anew(checkpoint):
    path, weights = checkpoint
    same = weights_from(path, network(2))
    assert same.keys() == weights.keys()
    assert all(torch.equal(same[name], value) for name, value in weights.items())
    assert weights_from(path, network(5), anew=["output"]).keys() == {"body.weight", "body.bias"}
    assert weights_from(path, network(2), anew=["output.bias"]).keys() == weights.keys() - {"output.bias"}


def test_what_does_not_fit_is_named_with_both_shapes(checkpoint):
    path, _ = checkpoint
    with pytest.raises(UserError, match=r"output.weight is \[2, 3\] there and \[5, 3\] here.*start_anew=\[output\]"):
        weights_from(path, network(5))
    fewer = nn.ModuleDict({"body": nn.Linear(4, 3)})
    with pytest.raises(UserError, match=r"output\.bias only there; output\.weight only there"):
        weights_from(path, fewer)
    more = network(2)
    more["second"] = nn.Linear(1, 1)
    with pytest.raises(UserError, match=r"no second\.bias there; no second\.weight there"):
        weights_from(path, more)
    assert weights_from(path, more, anew=["second"]).keys() == network(2).state_dict().keys()
    with pytest.raises(UserError, match="start_anew: the network has no part 'outptu'; there is body, output"):
        weights_from(path, network(2), anew=["outptu"])


@pytest.mark.slow
def test_other_words_begin_anew_and_the_rest_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = ["train", *SMALL, "data.counts={train: 16, val: 4}", "trainer.max_epochs=1"]
    assert main([*small, "hydra.run.dir=first"]) == 0
    other = [*small, "vocabulary.min_count=12", "start_from=first", "hydra.run.dir=second"]
    assert main(other) == 2
    assert "its weights do not fit this network: " in capsys.readouterr().err
    assert main([*other, "start_anew=[embedding,output]", "optimizer.lr=1e-9"]) == 0
    first, second = (torch.load(tmp_path / each / "last.ckpt", weights_only=True) for each in ("first", "second"))
    rnn = [name for name in first["state_dict"] if name.startswith("model.rnn")]
    assert rnn
    assert all(first["state_dict"][name].allclose(second["state_dict"][name], atol=1e-6) for name in rnn)
