"""A network of another pattern is refused by its name, with those that fit."""

import pytest


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ("model=draw experiment=ram_digits", "Draw is not for this pattern, whose task GlimpseReading trains a Reader"),
        ("experiment=ram_digits model=captioner", "expected model=dram or model=ram or model=whole"),
        ("experiment=draw_digits model=ram", "expected model=draw or model=draw_plain or model=vae"),
        ("pattern=classification model=labeller", "expected model=classifier"),
    ],
)
def test_a_network_for_another_task_is_refused_with_those_that_fit(run, tmp_path, overrides, said):
    found = run("train", *overrides.split(), f"hydra.run.dir={tmp_path}")
    assert (found.status, found.out) == (2, "")
    assert said in found.err
