"""`seqvision lecture` runs what it is asked for, keeps what is there, and gathers figures on a page."""

import pytest

from seqvision.cli import main
from seqvision.cli.lecture import CHAPTERS, experiments, in_order


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_experiments_are_run_once_and_gathered(tmp_path, capsys):
    command = ["lecture", "momentum_forms", "--output", str(tmp_path)]
    assert main(command) == 0
    page = (tmp_path / "index.html").read_text()
    assert "experiment=lecture/momentum_forms" in page
    assert "until the rate drops" in page
    assert "data:image/png" in page
    assert 'href="momentum_forms/report.html"' in page
    assert (tmp_path / "momentum_forms" / "report.html").is_file()
    figure = (tmp_path / "momentum_forms" / "figure.png").stat().st_mtime_ns
    assert main(command) == 0
    assert (tmp_path / "momentum_forms" / "figure.png").stat().st_mtime_ns == figure, "it was there"


def test_the_lectures_order_and_what_there_is_not(capsys):
    assert in_order(["schedules", "rates"]) == ["rates", "schedules"]
    assert main(["lecture", "vally"]) == 2
    assert "did you mean 'valley'?" in capsys.readouterr().err
    assert main(["lecture", "--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == in_order(experiments())
    assert sorted(name for names in CHAPTERS.values() for name in names) == experiments()
