"""What a user may say wrongly of data is told by `data check` as `train` tells it."""

import pytest

SENTENCES = "text,label\n" + "".join(f"sentence {number},{number % 2}\n" for number in range(12))
FRAMES = "x,y,label\n" + "".join(f"{number % 3},{number},{'ab'[number % 2]}\n" for number in range(20))


@pytest.mark.parametrize(
    ("choice", "override", "said"),
    [
        ("sentences", "data.merge=5", "data.merge is 5; expected null or a mapping"),
        ("sentences", "data.header=5", "data.header is 5; expected true or false or null"),
        ("sentences", "data.splits.rename=5", "data.splits.rename is 5; expected a mapping, such as {dev: test}"),
        ("sentences", "data.path=null", "data.path is null; expected a text"),
        ("sentences", "data.label_column=9", "s.csv: no column 9 (there are 2, from 1). Correct data.label_column."),
        ("tables", "data.classes=5", "data.classes is 5; expected null or a list"),
        ("tables", "data.splits.test_groups=a", "data.splits.test_groups is a; expected a list"),
        ("tables", "data.splits.blocks=x", "data.splits.blocks is x; expected a whole number or null"),
        ("tables", "data.classes=[a,b,a]", "data.classes names 'a' twice. Name each class once."),
        ("tables", "data.label_columns=[x]", "but data.multilabel is false. Set data.multilabel=true"),
        ("tables", "data.reader.columns=[]", "data.reader.columns is empty: name one column or more"),
        ("recordings", "data.columns=[x]", "Name their columns with data.reader.columns=[…]"),
    ],
)
def test_values_of_a_wrong_kind_are_said_as_in_training(run, tmp_path, monkeypatch, choice, override, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.csv").write_text(SENTENCES)
    for name in ("2024/a.csv", "2024/b.csv", "2024/c.csv", "rec/k/a.csv", "rec/l/b.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(FRAMES)
    path = {"sentences": "s.csv", "tables": "2024", "recordings": "rec"}[choice]
    found = run("data", "check", f"data={choice}", f"data.path={path}", override)
    assert found.status == 2
    assert said in found.err


def test_a_folder_may_be_called_by_a_number(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "2024").mkdir()
    for name in "abc":
        (tmp_path / "2024" / f"{name}.csv").write_text(FRAMES + f"{ord(name)},0,a\n")
    found = run("data", "check", "data=tables", "data.path=2024")
    assert found.status == 0
    assert "2024 (layout tables)" in found.out
    found = run("data", "check", "data=5", "data.path=2024")
    assert found.status == 2
    assert "data=5: expected the name of a choice" in found.err
