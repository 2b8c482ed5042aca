"""Every pattern is evaluated beside its own controls, compared on the same items, and refused what it does not know."""

import copy
import json
import re

import pytest
import torch
from checkpoints import save_checkpoint
from pattern_runs import labelling, make_pattern_run, multilabelling, write_recordings, write_sentences
from translators import make_translator


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    data = [f"data.path={write_sentences(folder / 'sentences.csv')}"]
    return make_pattern_run(folder / "run", "pattern=classification", "data=sentences", *data)


@pytest.fixture(scope="module")
def labeller(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labeller")
    return make_pattern_run(folder / "run", *labelling(write_recordings(folder / "recordings")))


@pytest.fixture(scope="module")
def multilabeller(tmp_path_factory):
    folder = tmp_path_factory.mktemp("multilabeller")
    return make_pattern_run(folder / "run", *multilabelling(write_recordings(folder / "recordings", multilabel=True)))


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    return make_translator(tmp_path_factory.mktemp("translator") / "run")


def test_classes_stand_beside_words_without_their_order(run, classifier, tmp_path):
    found = run("evaluate", "--checkpoint", classifier, "--bootstrap", 50, "--save-predictions", tmp_path / "p.jsonl")
    assert found.status == 0, found.err
    assert "best.ckpt on test: 28 sequences" in found.out
    assert re.search(r"\n +model +95 % interval +majority +no recurrence +shuffled\n", found.out)
    assert re.search(r"above no recurrence: accuracy -\d", found.out), "the words give the class away"
    assert "logistic regression on words and word pairs, C = " in found.out
    record = json.loads((classifier / "evaluation_test.json").read_text())
    assert record["pattern"] == "classification"
    assert record["controls"]["without_recurrence"]["accuracy"] == 100
    assert record["controls"]["majority"]["accuracy"] == 50
    assert len(record["per_class"]["f1"]) == len(record["classes"]) == 2
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    right = sum(row["class"] == row["truth"] for row in rows)
    assert record["scores"]["accuracy"] == pytest.approx(100 * right / 28)


def test_labels_stand_beside_a_window_of_frames(run, labeller):
    found = run("evaluate", "--checkpoint", labeller, "--bootstrap", 50, "--per-class")
    assert found.status == 0, found.err
    assert re.search(r"\n +model +95 % interval +majority +window\n", found.out)
    assert "protocol: mstcn, every class counted" in found.out
    assert re.search(r"window: logistic regression on \d+ frames around each", found.out)
    assert re.search(r"\n +precision +recall +f1 +support +segments +f1@10 +f1@25 +f1@50\n  a ", found.out)
    record = json.loads((labeller / "evaluation_test.json").read_text())
    assert record["controls"]["window"]["accuracy"] > 90
    assert record["sizes"] == {"recordings": 2, "frames": sum(record["per_class"]["support"])}
    assert record["differences"]["window"]["accuracy"]["interval"][1] < 0


def test_protocol_and_background_can_be_said(run, labeller):
    options = ("--bootstrap", 0, "--no-controls", "--format", "json")
    plain = json.loads(run("evaluate", "--checkpoint", labeller, *options).out)
    lea = json.loads(run("evaluate", "--checkpoint", labeller, "--protocol", "lea", "--background", "a", *options).out)
    assert lea["protocol"] == "lea, without background (a)"
    assert lea["per_class"]["support"] == plain["per_class"]["support"]
    assert lea["scores"]["edit"] != plain["scores"]["edit"]
    assert plain["controls"] == {}


def test_several_labels_a_frame_are_scored_at_the_checkpoints_thresholds(run, multilabeller):
    held = torch.load(multilabeller / "best.ckpt", weights_only=True)
    held["seqvision"]["thresholds"] = [0.0, 2.0, 0.5]
    save_checkpoint(held, multilabeller / "best.ckpt")
    found = run("evaluate", "--checkpoint", multilabeller, "--bootstrap", 0, "--format", "json")
    assert found.status == 0, found.err
    record = json.loads(found.out)
    assert record["per_class"]["threshold"] == [0.0, 2.0, 0.5]
    assert record["per_class"]["recall"][:2] == [100, 0]
    assert record["controls"]["window"]["macro_f1"] > 90
    assert {"macro_f1", "mean_average_precision", "micro_f1"} <= set(record["scores"])


def test_baselines_learn_of_what_the_model_was_given(run, tmp_path):
    file, other = (write_sentences(tmp_path / name) for name in ("sentences.csv", "other.csv"))
    data = ("pattern=classification", "data=sentences", f"data.path={file}")
    few = make_pattern_run(tmp_path / "few", *data, "data.take={train: 6, test: 10}")
    whole = make_pattern_run(tmp_path / "whole", *data)

    def evaluated(folder, *options):
        found = run("evaluate", "--checkpoint", folder, "--bootstrap", 0, "--format", "json", *options)
        record = json.loads(found.out)
        return record["sizes"]["sequences"], record["controls"]["without_recurrence"]["accuracy"]

    assert evaluated(few)[0] == 10
    assert evaluated(whole) == (28, 100)
    for more in ("take=null", f"path={other}"):  # on all of the split, by what six sentences teach
        assert evaluated(few, "--data", more)[0] == 28
        assert evaluated(few, "--data", more)[1] < 100


def test_a_model_of_several_labels_is_not_scored_on_frames_of_one(run, labeller):
    held = torch.load(labeller / "best.ckpt", weights_only=True)
    kept = copy.deepcopy(held)
    held["seqvision"]["multilabel"] = True
    save_checkpoint(held, labeller / "best.ckpt")
    found = run("evaluate", "--checkpoint", labeller, "--bootstrap", 0)
    save_checkpoint(kept, labeller / "best.ckpt")
    assert found.status == 2
    assert "the model gives each frame several labels, and the data have one (data.multilabel)" in found.err


def test_two_checkpoints_are_compared_on_the_same_items(run, labeller, classifier):
    for folder in (labeller, classifier):
        options = ("--bootstrap", 40, "--no-controls", "--format", "json")
        own = json.loads(run("evaluate", "--checkpoint", folder, "--against", folder, *options).out)
        (difference,) = own["differences"].values()
        assert difference["accuracy"] == {"difference": 0, "interval": None}, "nothing differs in any group"
    wrong = run("evaluate", "--checkpoint", labeller, "--against", classifier)
    assert wrong.status == 2
    assert "a model for classification, expected one for labelling" in wrong.err


def test_other_data_may_name_their_classes_in_another_order(run, labeller, tmp_path):
    same = json.loads(run("evaluate", "--checkpoint", labeller, "--no-controls", "--format", "json").out)
    changed = ("--data", f"path={write_recordings(tmp_path / 'again')}")
    again = json.loads(run("evaluate", "--checkpoint", labeller, "--no-controls", "--format", "json", *changed).out)
    assert again["scores"] == same["scores"]


def test_a_class_that_the_model_does_not_know_is_named(run, labeller, tmp_path):
    folder = write_recordings(tmp_path / "other")
    for file in folder.glob("*.csv"):
        file.write_text(file.read_text().replace(",c\n", ",d\n"))
    found = run("evaluate", "--checkpoint", labeller, "--data", f"path={folder}")
    assert found.status == 2
    assert "the data have the class 'd', which the model does not know" in found.err
    assert run("evaluate", "--checkpoint", labeller, "--data", f"path={folder}", "merge={d: c}").status == 0


def test_two_translators_are_compared_on_the_same_sentences(run, translator, tmp_path):
    other = make_translator(tmp_path / "other", seed=5)
    options = ("--bootstrap", 30, "--no-controls", "--max-length", 6)
    found = run("evaluate", "--checkpoint", translator, "--against", translator, "--against", other, *options)
    assert found.status == 0, found.err
    assert re.search(rf"\nabove {translator}: bleu \+0\.0 \(no interval\), chrf \+0\.0 ", found.out)
    assert re.search(rf"\nabove {other}: bleu [+-]\d", found.out)


def test_translations_stand_beside_copies_and_neighbours(run, translator):
    found = run("evaluate", "--checkpoint", translator, "--bootstrap", 20, "--beam-size", 2)
    assert found.status == 0, found.err
    assert re.search(r"best.ckpt on test: 10 sentences", found.out)
    assert re.search(r"\n +model +95 % interval +nearest +copied +shuffled\n", found.out)
    assert re.search(r"\nbleu: nrefs:1\|case:lc", found.out)
    assert json.loads((translator / "evaluation_test.json").read_text())["decoding"].startswith("BeamSearch")


@pytest.mark.parametrize(
    ("pattern", "arguments", "message"),
    [
        ("labeller", ["--beam-size", "3"], r"--beam-size: only models that write words are decoded, and .* labelling"),
        ("classifier", ["--forbid", "x"], r"--forbid: only models that write words are decoded"),
        ("classifier", ["--protocol", "lea"], r"--protocol: only labels of frames have segments to count"),
        ("translator", ["--background", "a"], r"--background: only labels of frames"),
        ("tiny_run", ["--against", "x"], r"--against: all but captions are compared in this way"),
        ("translator", ["--per-class"], r"--per-class: only classes and labels have scores of each class"),
        ("labeller", ["--predictions", "x"], r"--predictions: only captions are scored from a file"),
        ("labeller", ["--background", "zzz"], r"background names 'zzz', which is no class"),
        ("classifier", ["--split", "tset"], r"--split tset: the data have no such split\. Did you mean test\?"),
    ],
)
def test_what_a_pattern_does_not_know_is_refused_in_a_sentence(run, request, pattern, arguments, message):
    found = run("evaluate", "--checkpoint", request.getfixturevalue(pattern), *arguments)
    assert found.status == 2
    assert re.search(message, found.err), found.err


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "seqvision.data.sequences.formats.mstcn.Path",
        "seqvision.data.read_image",
        "seqvision.data.read_digits.build",
        "seqvision.data.FeatureReader.from_settings",
        "seqvision.data.sequences.module.SequenceData",
        "seqvision.data.__getattr__",
        "seqvision.data.import_module",
    ],
)
@pytest.mark.parametrize("place", ["itself", "read", "reader", "augmentation"])
def test_a_checkpoints_word_on_its_data_runs_nothing(run, labeller, target, place, tmp_path):
    checkpoint = torch.load(labeller / "best.ckpt", weights_only=True)
    trap = {"_target_": target, "_partial_": place == "read", "_args_": [f"mkdir {tmp_path / 'trap'}"]}
    data = checkpoint["seqvision"]["config"]["data"]
    checkpoint["seqvision"]["config"]["data"] = trap if place == "itself" else {**data, place: trap}
    save_checkpoint(checkpoint, tmp_path / "best.ckpt")
    found = run("evaluate", "--checkpoint", tmp_path / "best.ckpt", "--no-controls", "--bootstrap", 0)
    assert not (tmp_path / "trap").exists()
    if place == "augmentation":  # which evaluation does without
        assert found.status == 0, found.err
    else:
        assert found.status == 2
        assert f"asks for '{target}', which is not made by seqvision for reading data" in found.err


def test_a_pattern_of_the_future_is_refused(run, labeller, tmp_path):
    checkpoint = torch.load(labeller / "best.ckpt", weights_only=True)
    checkpoint["seqvision"]["pattern"] = "singing"
    save_checkpoint(checkpoint, tmp_path / "best.ckpt")
    found = run("evaluate", "--checkpoint", tmp_path / "best.ckpt")
    assert "a model for 'singing', expected one of captioning, classification, labelling, translation" in found.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "headings", "figures"),
    [
        ("classifier", ["Scores on val", "Surest and wrong, val", "Class by class", "Least sure, val"], 2),
        ("labeller", ["Recordings of val", "Segments", "Commonest mistakes", "Class by class"], 5),
        ("multilabeller", ["Recordings of val", "At the thresholds that validation chose"], 2),
        ("translator", ["Best translations of val", "Worst translations of val", "Where it looked", "By length"], 3),
    ],
)
def test_every_pattern_has_a_page(run, request, pattern, headings, figures, tmp_path):
    folder = request.getfixturevalue(pattern)
    for file in folder.glob("evaluation_*.json"):
        file.unlink()
    found = run("report", folder, "--output", tmp_path / "page.html", "--examples", 2)
    assert found.status == 0, found.err
    page = (tmp_path / "page.html").read_text()
    for heading in ["Configuration", *headings]:
        assert heading in page
    assert page.count('<div class="figure') == figures
    assert (folder / "evaluation_val.json").is_file()
    assert "<great>" not in page, "what people wrote is text, not HTML"
    assert not re.findall(r"""(?:src|href)="(?!#|data:)|url\((?!data:|#)|@import""", page)


def test_several_checkpoints_are_scored_by_the_mean_of_their_probabilities(run, classifier, labeller, tmp_path):
    for folder in (classifier, labeller):
        (folder / "evaluation_test.json").unlink(missing_ok=True)
        options = ("--bootstrap", 0, "--no-controls", "--format", "json")
        alone = json.loads(run("evaluate", "--checkpoint", folder, *options).out)["scores"]
        kept = (folder / "evaluation_test.json").read_text()
        twice = json.loads(run("evaluate", "--checkpoint", folder, "--checkpoint", folder, *options).out)["scores"]
        assert twice.pop("spread") == 0
        assert twice == pytest.approx(alone)
        assert (folder / "evaluation_test.json").read_text() == kept, "an ensemble's scores are not the run's"
    wrong = run("evaluate", "--checkpoint", labeller, "--checkpoint", classifier)
    assert wrong.status == 2
    assert "a model for classification, expected one for labelling" in wrong.err


def test_an_ensemble_stands_beside_its_mean_member_on_the_same_items(run, classifier, labeller, tmp_path):
    sentences = [f"data.path={classifier.parent / 'sentences.csv'}"]
    others = {
        classifier: make_pattern_run(tmp_path / "c", "pattern=classification", "data=sentences", *sentences, seed=3),
        labeller: make_pattern_run(tmp_path / "l", *labelling(labeller.parent / "recordings"), seed=3),
    }
    options = ("--bootstrap", 40, "--no-controls", "--format", "json")
    for own, other in others.items():
        alone = [json.loads(run("evaluate", "--checkpoint", each, *options).out)["scores"] for each in (own, other)]
        found = json.loads(run("evaluate", "--checkpoint", own, "--checkpoint", other, *options).out)
        beside = found["differences"]["mean_member"]["accuracy"]
        mean = (alone[0]["accuracy"] + alone[1]["accuracy"]) / 2
        assert beside["difference"] == pytest.approx(found["scores"]["accuracy"] - mean)
        assert beside["interval"][0] <= beside["difference"] <= beside["interval"][1]
        text = run("evaluate", "--checkpoint", own, "--checkpoint", other, *options[:-2]).out
        assert re.search(r"\nabove the mean member: accuracy [+-]\d", text)
        noisy = ("--inference", "mc_dropout", "--samples", 2)
        if own is classifier:
            sampled = json.loads(run("evaluate", "--checkpoint", own, *noisy, *options).out)
            assert "mean_member" not in sampled["differences"]


def test_dropout_left_on_gives_a_mean_and_a_spread(run, classifier, translator):
    found = run("evaluate", "--checkpoint", classifier, "--inference", "mc_dropout", "--samples", 5, "--bootstrap", 0)
    assert found.status == 0, found.err
    assert re.search(r"\n +spread +\d+\.\d+", found.out)
    again = run("evaluate", "--checkpoint", classifier, "--inference", "mc_dropout", "--samples", 5, "--bootstrap", 0)
    assert again.out == found.out
    views = run("evaluate", "--checkpoint", classifier, "--inference", "ten_crop")
    assert views.status == 2
    assert "sees no pictures" in views.err
    few = run("evaluate", "--checkpoint", classifier, "--samples", 5)
    assert few.status == 2
    assert "--samples 5: expected 1 or more, with --inference mc_dropout" in few.err
