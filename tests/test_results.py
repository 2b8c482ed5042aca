"""The README's tables say what the records say: means over seeds and over what was held out, controls beside them."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "results"


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """The module, with an empty folder of records."""
    monkeypatch.syspath_prepend(FOLDER)
    import records
    import tables

    monkeypatch.setattr(records, "HERE", tmp_path / "results")
    (tmp_path / "results").mkdir()
    return tables


def make_record(folder, name, command, seed, accuracy, control, ends=(-1.0, 3.0)):
    folder.mkdir()
    run = {"name": name, "command": f"seqvision train {command}", "seed": seed, "seconds": {"training": 90.0}}
    scores = {"accuracy": accuracy, "edit": 50.0, "macro_f1": accuracy - 1}
    differences = {
        "../other/best.ckpt": {"accuracy": {"difference": 9.0, "interval": [8.0, 9.9]}},
        "moving_average": {"accuracy": {"difference": accuracy - control, "interval": list(ends)}},
    }
    evaluation = {
        "schema": 1,
        "split": "test",
        "scores": scores,
        "controls": {"moving_average": {"accuracy": control}},
        "differences": differences,
        "per_class": {"f1": [1.0]},
    }
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "evaluation_test.json").write_text(json.dumps(evaluation))
    return folder


def test_splits_are_averaged_within_a_seed_and_seeds_have_a_deviation(tables, tmp_path):
    for seed in (0, 1):
        for split, accuracy in enumerate((60.0, 64.0), start=1):
            command = f"experiment=salads data.split={split} seed={seed} hydra.run.dir=x cache=y"
            run = make_record(tmp_path / f"{seed}{split}", "salads", command, seed, accuracy + 2 * seed, 55.0 + split)
            assert tables.add(run).name == f"data.split={split}-seed{seed}.json"
    text = tables.tables()["kitchen"]
    # (62 and 64): mean 63, deviation 1.4
    assert (
        "| `salads` (mean of 2 splits, 2 seeds) | 63.0 ± 1.4 | 50.0 ± 0.0 | – | – | – | 62.0 ± 1.4 | 1.5 min |" in text
    )
    assert "| salads, control: moving average of the scores | 56.5 |" in text


def test_what_was_changed_makes_another_row(tables, tmp_path):
    make_record(tmp_path / "a", "sst2", "experiment=sst2 trainer.accelerator=cpu", 0, 80.0, 79.0)
    make_record(tmp_path / "b", "sst2", "experiment=sst2 'rnn=lstm' optimizer.lr=1e-3 seed=1", 1, 81.0, 79.0)
    assert tables.add(tmp_path / "a").name == "seed0.json"
    assert tables.add(tmp_path / "b").name == "rnn=lstm-optimizer.lr=1e-3-seed1.json"
    rows = tables.tables()["sentences"].splitlines()
    assert rows[2].startswith("| `sst2` (1 seed) | 80.0 | 79.0 |")
    assert "+1.0 (-1.0 to +3.0)" in rows[2]
    assert rows[3].startswith("| `sst2 rnn=lstm optimizer.lr=1e-3` (1 seed) | 81.0 |")
    record = json.loads((tmp_path / "results" / "sst2" / "seed0.json").read_text())
    assert "per_class" not in record["evaluations"]["test"]


def test_tables_without_records_ask_for_no_marks(tables):
    assert set(tables.tables()) == {"emoji", "scenes"}


def test_a_run_without_scores_is_refused(tables, tmp_path):
    run = make_record(tmp_path / "a", "sst2", "experiment=sst2", 0, 80.0, 79.0)
    (run / "evaluation_test.json").unlink()
    with pytest.raises(SystemExit, match="run `seqvision evaluate --checkpoint"):
        tables.add(run)


def together(tmp_path, checkpoints, *options, accuracy=82.0, gain=(1.0, 0.4, 1.6)):
    """What `evaluate --output` writes of several models."""
    found = {
        "schema": 1,
        "split": "test",
        "command": f"seqvision evaluate {' '.join(options)}",
        "checkpoints": [str(path) for path in checkpoints],
        "scores": {"accuracy": accuracy, "cross_entropy": 0.5},
        "controls": {},
        "differences": {"mean_member": {"accuracy": {"difference": gain[0], "interval": list(gain[1:])}}},
    }
    file = tmp_path / "together.json"
    file.write_text(json.dumps([found, {**found, "split": "train"}]))
    return file


def test_models_together_have_rows_of_their_own(tables, tmp_path):
    for seed in (0, 1):
        run = make_record(tmp_path / f"s{seed}", "fashion_cnn", f"experiment=fashion_cnn seed={seed}", seed, 81.0, 80.0)
        tables.add(run)
    runs = [tmp_path / "s0" / "best.ckpt", tmp_path / "s1" / "best.ckpt"]
    assert tables.add(together(tmp_path, runs)).name == "_2_together_-seed0.json"
    command = "experiment=fashion_cnn callbacks=snapshots seed=1"
    cycles = make_record(tmp_path / "c", "fashion_cnn", command, 1, 81.5, 80.0)
    snapshots = [cycles / f"snapshot_{number}.ckpt" for number in (1, 2, 3)]
    tables.add(together(tmp_path, snapshots, accuracy=83.0))
    noisy = together(tmp_path, [cycles / "best.ckpt"], "--inference", "mc_dropout", accuracy=84.0)
    tables.add(noisy)
    rows = tables.tables()["fashion_cnn"].splitlines()[2:]
    assert rows[0].startswith("| `fashion_cnn` (2 seeds) | 81.0 ± 0.0 | – |")
    assert rows[1].startswith("| `fashion_cnn (2 together)` (1 ensemble) | 82.0 | 82.0 | 0.500 |")
    assert rows[1].endswith("| +1.0 (+0.4 to +1.6) | 3.0 min |"), "both runs' time"
    assert rows[2].startswith("| `fashion_cnn callbacks=snapshots (3 snapshots)` (1 seed) | 83.0 |")
    assert rows[3].startswith("| `fashion_cnn callbacks=snapshots (inference=mc_dropout)` (1 seed) | 84.0 |")


def test_readers_of_both_directions_are_one_row(tables, tmp_path):
    make_record(tmp_path / "a", "dram_strings", "experiment=dram_strings", 0, 81.0, 80.0)
    make_record(tmp_path / "b", "dram_strings", "experiment=dram_strings data.backward=true", 0, 81.0, 80.0)
    runs = [tmp_path / "a" / "best.ckpt", tmp_path / "b" / "best.ckpt"]
    assert tables.add(together(tmp_path, runs, "--backward", "b")).name == "_both_directions_-seed0.json"


def test_only_runs_of_the_same_kind_are_one_row(tables, tmp_path):
    make_record(tmp_path / "a", "fashion_cnn", "experiment=fashion_cnn", 0, 81.0, 80.0)
    make_record(tmp_path / "b", "fashion_cnn", "experiment=fashion_cnn loss=hinge", 0, 81.0, 80.0)
    with pytest.raises(SystemExit, match="differ in more than their seed"):
        tables.add(together(tmp_path, [tmp_path / "a" / "best.ckpt", tmp_path / "b" / "best.ckpt"]))
    with pytest.raises(SystemExit, match=r"one model; add its run .*/a instead"):
        tables.add(together(tmp_path, [tmp_path / "a" / "best.ckpt"]))


def test_an_evaluation_of_an_older_version_is_refused(tables, tmp_path):
    run = make_record(tmp_path / "a", "sst2", "experiment=sst2", 0, 80.0, 79.0)
    old = json.loads((run / "evaluation_test.json").read_text())
    (run / "evaluation_test.json").write_text(json.dumps({k: v for k, v in old.items() if k != "schema"}))
    with pytest.raises(SystemExit, match="not of schema 1"):
        tables.add(run)


def test_every_record_has_the_keys_of_the_schema():
    from seqvision.inference.evaluation_data import SCHEMA, evaluation_data

    empty = {"scores": {}, "intervals": {}, "controls": {}, "sizes": {}}
    keys = set(evaluation_data(pattern="", split="", **empty)) - {"classes", "per_class"}
    found = [json.loads(file.read_text())["evaluations"] for file in FOLDER.glob("*/*seed*.json")]
    evaluations = [evaluation for each in found for evaluation in each.values()]
    assert len(evaluations) > 200
    for evaluation in evaluations:
        assert keys <= set(evaluation)
        assert evaluation["schema"] == SCHEMA


def test_shares_in_records_are_in_percent():
    record = json.loads((FOLDER / "demo" / "seed0.json").read_text())
    test = record["evaluations"]["test"]
    assert test["controls"]["references"]["true"] == 100
    assert 80 < test["scores"]["bleu_4"] < 100
    assert 4 < test["scores"]["cider_d"] < 10
    assert record["run"]["scores"]["val/rouge_l"] > 1
