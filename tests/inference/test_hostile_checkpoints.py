"""Nothing that a checkpoint says runs, connects or writes: whatever value of it is replaced by whatever payload."""

import os
import subprocess
from pathlib import Path

import pytest
from audit import watched
from hostile import Campaign, Outcome, warm_up


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Checkpoints of all patterns; commands run in an empty folder."""
    folder = tmp_path_factory.mktemp("hostile")
    here = Path.cwd()
    made = Campaign(folder)
    (folder / "here").mkdir()
    os.chdir(folder / "here")
    yield made
    os.chdir(here)


def test_the_hook_sees_what_is_forbidden(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    with watched(inside) as events:
        (inside / "a").write_text("x")
        (inside / "a").read_text()
        assert events == []
        outside.mkdir()
        (outside / "a").write_text("x")
        subprocess.run(["true"], check=True)
    assert [event.split()[0] for event in events if "fork" not in event][:3] == ["os.mkdir", "open", "subprocess.Popen"]


def said(outcome: Outcome) -> str:
    return (
        f"{outcome.placements} placements, {outcome.commands} commands, {outcome.refused} refused, "
        f"{len(outcome.events)} events, {len(outcome.crashes)} crashes"
    )


def check(campaign: Campaign, outcome: Outcome) -> None:
    print(said(outcome))
    assert not outcome.events, outcome.events[:5]
    assert not outcome.crashes, "\n".join(outcome.crashes[:5])
    assert not any((campaign.output.parent / "here").iterdir())


EACH = int(os.environ.get("HOSTILE_PLACEMENTS", 8))  # of each pattern; the whole campaign has 120


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_payload_in_any_place_of_any_checkpoint_does_anything(campaign):
    plain = warm_up(campaign)
    assert (plain.refused, plain.events, plain.crashes) == (0, [], [])
    outcome = Outcome()
    for pattern, place, payload in campaign.placements(EACH):
        campaign.attack(pattern, place, payload, outcome)
    assert outcome.placements == EACH * len(campaign.checkpoints)
    check(campaign, outcome)


@pytest.mark.filterwarnings("ignore")
def test_some_payloads_in_some_places(campaign):
    outcome = Outcome()
    for pattern, place, payload in campaign.placements(3, seed=1):
        campaign.attack(pattern, place, payload, outcome, most=2)
    check(campaign, outcome)
