"""A run's folder is code: what it would call from elsewhere is refused before anything of it runs."""

import json

import pytest
from omegaconf import OmegaConf

from seqvision.cli.config import composed, composing, conf_dir
from seqvision.cli.trusted import check_overrides_trusted, check_trusted, take_trust
from seqvision.errors import UserError


@pytest.fixture
def folder(tmp_path):
    """Makes a run's folder with this configuration."""

    def make(config: str):
        (tmp_path / "last.ckpt").write_bytes(b"")
        (tmp_path / "config.yaml").write_text(config)
        return tmp_path

    return make


@pytest.mark.parametrize(
    "config",
    [
        "callbacks: {x: {_target_: os.system, command: touch TRAP}}",
        "model: {_target_: builtins.eval}",
        "model: [{a: {_target_: seqvision.files.os.system}}]",
        "model: {_target_: seqvision.cli.main, arguments: [doctor]}",
        "model: {_target_: seqvision.__main__.main}",
        "model: {_target_: torch.hub.load}",
        "model: {_target_: torch.load}",
        "model: {_target_: torch.nn.modules.module.torch.load}",
        "model: {_target_: seqvision_evil.Network}",
        "model: {_target_: '${name}'}\nname: os.system",
    ],
)
def test_foreign_targets_are_refused(run, folder, config, tmp_path):
    found = run("train", f"resume={folder(config.replace('TRAP', str(tmp_path / 'trap')))}")
    assert found.status == 2
    assert "not of seqvision, torch or Lightning: nothing of it has run. A run's folder is code" in found.err
    assert "--trust" in found.err
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize(
    "text",
    ["${oc.env:HOME}", "${oc.create:{a:1}}", "\\${oc.create:{a:1}}", "x${oc.decode:1}", "${oc.env:HOME,SEQVISION_A}"],
)
def test_interpolations_of_others_are_refused(run, folder, text):
    found = run("train", f"resume={folder(json.dumps({'data': {'path': text}}))}")
    assert found.status == 2
    assert "data.path is" in found.err
    assert "an interpolation that this project does not use" in found.err


def test_a_module_can_be_trusted():
    config = {"model": {"_target_": "mine.Network"}}
    with pytest.raises(UserError, match=r"^here: model\._target_ is 'mine\.Network', .* --trust mine$"):
        check_trusted(config, [], "here")
    check_trusted(config, ["mine"], "here")
    with pytest.raises(UserError, match="--trust mineral"):
        check_trusted({"_target_": "mineral.Network"}, ["mine"], "here")


def test_trust_is_taken_from_the_command_line():
    assert take_trust(["--trust", "mine", "resume=x", "--trust=other"]) == (["mine", "other"], ["resume=x"])
    assert take_trust(["rnn=lstm"]) == ([], ["rnn=lstm"])
    with pytest.raises(UserError, match="expected a module"):
        take_trust(["--trust"])


@pytest.mark.parametrize(
    "override", ["+a={_target_: os.system}", "model._target_=os.system", "a=${oc.env:HOME}", "-cd=x"]
)
def test_a_sweeps_overrides_are_looked_at_too(override):
    with pytest.raises(UserError, match=r"sweep\.json"):
        check_overrides_trusted([override], [], "sweep.json")


def test_every_configuration_of_this_project_is_trusted():
    experiments = [
        str(file.relative_to(conf_dir() / "experiment"))[:-5] for file in conf_dir().rglob("experiment/**/*.yaml")
    ]
    assert len(experiments) > 40
    with composing():
        for name in experiments[::6]:
            raw = OmegaConf.to_container(composed("train", [f"experiment={name}"]))
            del raw["hydra"]
            check_trusted(raw, [], name)
