"""config.yaml of a run's folder, which may be damaged or a stranger's."""

import pytest
from omegaconf import OmegaConf

from seqvision.cli.run_config import changes, had_config, read_config, store_config
from seqvision.errors import UserError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"rnn: [", "no configuration .while parsing a flow"),
        (b"5", "no configuration .one value"),
        (b"- rnn", "holds a list; expected the keys of a configuration"),
        (b"a: &a [1, 1]\nb: &b [*a, *a]\nc: [*b, *b]\n", "holds a YAML alias"),
        (b"rnn: \xff\xfe\xff", ""),
        (b"rnn: " + b"[" * 5000 + b"]" * 5000, "nested more than 50 levels deep"),
        (b"rnn: !!python/object/apply:os.system ['true']", "no configuration"),
        (b"rnn: !!set {a, b}", "no configuration"),
        (b"rnn: ${oc.env:HOME", "no configuration"),
        (b"", "the file is empty"),
    ],
    ids=["syntax", "number", "list", "aliases", "bytes", "depth", "objects", "set", "interpolation", "empty"],
)
def test_what_is_no_configuration_is_said(tmp_path, text, said):
    (tmp_path / "config.yaml").write_bytes(text)
    with pytest.raises(UserError, match=rf"config\.yaml.*{said}"):
        read_config(tmp_path / "config.yaml")


@pytest.mark.parametrize("text", ["data: ${nobody:x}", "data: ${rnn.cell}", "data: ???", "data: ${data}"])
def test_what_cannot_be_resolved_is_said(tmp_path, text):
    (tmp_path / "config.yaml").write_text(f"run_dir: x\n{text}")
    with pytest.raises(UserError, match="data"):
        changes(read_config(tmp_path / "config.yaml"), OmegaConf.create({"run_dir": "x"}), tmp_path)


def test_values_of_other_kinds_are_differences(tmp_path):
    there = OmegaConf.create({"run_dir": "x", "transfer": 1, "encoder": "x"})
    here = OmegaConf.create({"run_dir": "y", "transfer": {"row": 1}, "encoder": {"stages": 2, "name": "x"}})
    assert changes(there, here, tmp_path) == [
        "encoder (x there, absent here)",
        "encoder.name (absent there, x here)",
        "transfer (1 there, absent here)",
        "transfer.row (absent there, 1 here)",
    ]


def test_a_run_knows_each_configuration_that_it_has_had(tmp_path):
    each = [OmegaConf.create({"run_dir": "x", "resume": None if n == 1 else "x", "epochs": n}) for n in (1, 2, 2, 3)]
    for config in each:
        store_config(config, tmp_path)
    assert [had_config(config, tmp_path) for config in each] == [True, True, True, False], "the last is the present one"
    assert len(list(tmp_path.iterdir())) == 3
    assert not had_config(OmegaConf.create({"run_dir": "x", "epochs": 4}), tmp_path)
