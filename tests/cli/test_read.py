"""The command reads pictures of any kind, shows where it looked, and goes on past what it cannot read."""

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image
from readers import save_reader

from seqvision.data.labelled.symbols import Symbols
from seqvision.inference import load_model
from seqvision.inference.reading import LoadedReader, read


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return save_reader(tmp_path_factory.mktemp("run"), Symbols("0123"))


@pytest.fixture(scope="module")
def strings(tmp_path_factory):
    symbols = Symbols("0123", most=3, several=True)
    return save_reader(tmp_path_factory.mktemp("run"), symbols, network="DRAM", channels=3, shape=(None, None))


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number, (height, width) in enumerate(((9, 9), (30, 12), (1, 1))):
        pixels = generator.integers(256, size=(height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


def test_text_is_picture_label_and_probability(run, digits, pictures):
    found = [
        f"{path}\t{answer.label}\t{answer.probability:.4f}\n"
        for path, answer in read(load_model(digits, LoadedReader), pictures)
    ]
    assert run("read", "--checkpoint", digits, pictures[0].parent)[:2] == (0, "".join(found))


@pytest.mark.parametrize("kind", ["digits", "strings"])
def test_json_lines_hold_symbols_and_looks(run, request, kind, pictures):
    lines = run("read", "--checkpoint", request.getfixturevalue(kind), "--format", "jsonl", *pictures).out.splitlines()
    assert len(lines) == 3
    for line in lines:
        entry = json.loads(line)
        assert "".join(each["symbol"] for each in entry["symbols"]) == entry["label"]
        assert len(entry["looks"]) == (3 if kind == "digits" else 3 * min(4, len(entry["symbols"]) + 1))
        assert all(-1 <= look[axis] <= 1 for look in entry["looks"] for axis in "xy")


def test_csv_counts_the_looks_and_a_look_may_cost_something(run, digits, pictures):
    def looks(*options):
        out = run("read", "--checkpoint", digits, "--format", "csv", *options, *pictures).out
        return [int(row["looks"]) for row in csv.DictReader(io.StringIO(out))]

    assert looks() == looks("--look-cost", "0") == [3, 3, 3]
    assert looks("--look-cost", "100") == [1, 1, 1]


def test_the_path_is_drawn_and_shown(run, digits, pictures, tmp_path):
    run("read", "--checkpoint", digits, "--overlay", tmp_path / "seen", "--gif", tmp_path / "seen", *pictures)
    names = {path.name for path in (tmp_path / "seen").iterdir()}
    assert names == {f"{number}.looks.{kind}" for number in range(3) for kind in ("png", "gif")}
    with Image.open(tmp_path / "seen" / "1.looks.gif") as film:
        assert film.n_frames == 3
    with Image.open(tmp_path / "seen" / "1.looks.png") as overlay:
        colours = {colour for _, colour in overlay.convert("RGB").getcolors(1 << 20)}
    assert (64, 132, 214) in colours  # the first look's


def test_names_on_standard_input_have_an_answer_each(run, digits, pictures, tmp_path, monkeypatch):
    names = [pictures[1], pictures[0], pictures[1], tmp_path / "missing.png", pictures[1]]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("".join(f"{name}\n" for name in names).encode())))
    found = run("read", "--checkpoint", digits, "--overlay", tmp_path / "seen", "-")
    assert [line.split("\t")[0] for line in found.out.splitlines()] == [str(names[place]) for place in (0, 1, 2, 4)]
    assert "1 of 5 pictures skipped" in found.err
    assert len(list((tmp_path / "seen").iterdir())) == 2
    once = run("read", "--checkpoint", digits, pictures[1], pictures[0].parent, pictures[1])
    assert len(once.out.splitlines()) == 3, "what is named on the command line and lies in its folders is read once"


def test_pictures_of_one_name_in_two_folders_are_drawn_under_two(run, digits, pictures, tmp_path):
    other = tmp_path / "more" / "0.png"
    other.parent.mkdir()
    Image.open(pictures[0]).save(other)
    run("read", "--checkpoint", digits, "--overlay", tmp_path / "seen", *pictures, other)
    names = {path.name for path in (tmp_path / "seen").iterdir()}
    assert names == {"pictures_0.looks.png", "more_0.looks.png", "1.looks.png", "2.looks.png"}


def test_drawn_paths_differ_by_seed_and_come_again(run, digits, pictures):
    def probabilities(*options):
        return run("read", "--checkpoint", digits, "--paths", "4", *options, *pictures).out

    assert probabilities() == probabilities() != probabilities("--seed", "1")
    assert probabilities() != run("read", "--checkpoint", digits, *pictures).out


def test_dark_on_light_can_be_turned_round(run, digits, pictures, tmp_path):
    Image.fromarray(255 - np.asarray(Image.open(pictures[0]).convert("L"))).save(tmp_path / "0.png")
    Image.open(pictures[0]).convert("L").save(tmp_path / "plain.png")
    turned = run("read", "--checkpoint", digits, "--invert", tmp_path / "0.png").out.split("\t")[1:]
    assert turned == run("read", "--checkpoint", digits, tmp_path / "plain.png").out.split("\t")[1:]


def test_a_reader_of_the_other_direction_is_averaged_with(run, strings, pictures, tmp_path):
    symbols = Symbols("0123", most=3, several=True, backward=True)
    other = save_reader(tmp_path, symbols, network="DRAM", channels=3, shape=(None, None), seed=7)
    alone = run("read", "--checkpoint", strings, *pictures).out
    both = run("read", "--checkpoint", strings, "--backward", other, *pictures)
    assert both.status == 0
    assert both.out != alone
    refused = run("read", "--checkpoint", strings, "--backward", strings, *pictures)
    assert refused.status == 2
    assert "opposite direction" in refused.err


@pytest.mark.parametrize(
    ("symbols", "said"),
    [
        (Symbols("0124", most=3, several=True, backward=True), "of the same symbols"),
        (Symbols("0123", most=4, several=True, backward=True), "strings of the same lengths"),
    ],
)
def test_a_reader_of_other_strings_is_no_counterpart(run, strings, pictures, tmp_path, symbols, said):
    other = save_reader(tmp_path, symbols, network="DRAM", channels=3, shape=(None, None))
    status, _, err = run("read", "--checkpoint", strings, "--backward", other, *pictures)
    assert status == 2
    assert said in err


def test_a_single_class_has_no_direction(run, digits, pictures):
    status, _, err = run("read", "--checkpoint", digits, "--backward", digits, *pictures)
    assert status == 2
    assert "which have no direction" in err


def test_what_cannot_be_read_is_named_and_skipped(run, digits, pictures):
    pictures[1].write_bytes(b"no picture")
    status, out, err = run("read", "--checkpoint", digits, *pictures)
    assert status == 1
    assert len(out.splitlines()) == 2
    assert "1.png" in err
    assert "1 of 3 pictures skipped" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--paths", "-1"], "--paths -1"),
        (["--look-cost", "-2"], "--look-cost -2"),
        (["--look-cost", "nan"], "argument --look-cost: nan is not a number"),
        (["--look-cost", "inf"], "--look-cost inf: expected what a look costs"),
        (["--overlay", "/dev/null/seen"], "/dev/null/seen: cannot be written"),
        (["--gif", "/dev/null"], "/dev/null: cannot be written"),
        (["--checkpoint", "another"], "another: no such checkpoint"),
    ],
)
def test_wrong_options_are_named(run, digits, pictures, options, said):
    status, _, err = run("read", "--checkpoint", digits, *options, *pictures)
    assert status == 2
    assert said in err


def test_several_readers_read_together(run, digits, pictures, tmp_path):
    second = save_reader(tmp_path, Symbols("0123"), seed=5)
    both = ("--checkpoint", digits, "--checkpoint", second)
    status, out, err = run("read", *both, "--format", "jsonl", *pictures)
    assert status == 0, err
    alone = [[answer for _, answer in read(load_model(folder, LoadedReader), pictures)] for folder in (digits, second)]
    for line, first, other in zip(out.splitlines(), *alone, strict=True):
        entry = json.loads(line)
        mean = (first.beliefs[-1] + other.beliefs[-1]) / 2
        assert entry["label"] == "0123"[mean.argmax()]
        assert entry["probability"] == pytest.approx(mean.max(), abs=1e-5)
        assert entry["looks"][1]["x"] == pytest.approx(float(first.places[1, 0]), abs=1e-4)
    status, _, err = run("read", *both, "--look-cost", "1", *pictures)
    assert status == 2
    assert "--look-cost: how sure is sure is known of one reader" in err


def test_readers_of_other_symbols_are_not_taken_together(run, digits, pictures, tmp_path):
    status, _, err = run(
        "read", "--checkpoint", digits, "--checkpoint", save_reader(tmp_path, Symbols("012")), *pictures
    )
    assert status == 2
    assert "only readers of the same can be taken together" in err


def test_strings_cannot_stop_early(run, strings, pictures):
    status, _, err = run("read", "--checkpoint", strings, "--look-cost", "1", *pictures)
    assert status == 2
    assert "only a reader of one label can stop early" in err


def test_another_pattern_s_checkpoint_names_its_command(run, digits, pictures):
    status, _, err = run("classify", "--checkpoint", digits, *pictures)
    assert status == 2
    assert "use `seqvision read`" in err
