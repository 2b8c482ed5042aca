"""What a recurrent network takes and refuses, the same by every path: nothing is read or written outside a tensor."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import jaxtyping
import pytest
import torch

from seqvision.rnn import (
    ElmanCell,
    GRUCell,
    LayerNormElmanCell,
    LayerNormLSTMCell,
    LSTMCell,
    Recurrent,
    map_state,
)
from seqvision.rnn.kernels.build import load

CELLS = [ElmanCell, LayerNormElmanCell, GRUCell, LSTMCell, LayerNormLSTMCell]
CALLS = Path(__file__).parent / "kernels" / "hostile_calls.py"

each_path = pytest.mark.parametrize("backend", ["auto", "reference", "fused"])
each_cell = pytest.mark.parametrize("cell", CELLS)


@pytest.fixture(autouse=True)
def _as_outside_of_tests():
    """Without the checks of annotations that only tests make."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@each_cell
@each_path
def test_inputs_of_another_shape_are_refused(cell, backend):
    network = Recurrent(cell, 4, 6, backend=backend)
    for shape in [(3, 5, 3), (3, 5, 5), (5, 4)]:
        with pytest.raises(RuntimeError, match=r"expected \(batch, time, 4\)"):
            network(torch.randn(shape))


@each_cell
@each_path
def test_lengths_that_do_not_fit_are_refused(cell, backend):
    network, x = Recurrent(cell, 4, 6, backend=backend), torch.randn(3, 5, 4)
    for lengths in ([6, 1, 1], [-1, 2, 2], [1, 1], [1, 1, 1, 1], [1.0, 1.0, 1.0]):
        with pytest.raises(RuntimeError, match="lengths"):
            network(x, torch.tensor(lengths))


@each_cell
@each_path
def test_a_state_is_broadcast_over_the_batch_or_refused(cell, backend):
    torch.manual_seed(0)
    network, x = Recurrent(cell, 4, 6, backend=backend), torch.randn(3, 5, 4)
    state = map_state(torch.randn_like, network.initial_state(1))
    expected = network(x, None, map_state(lambda part: part.repeat(3, 1), state))[0]
    for given in (state, map_state(lambda part: part[0], state)):
        assert torch.equal(network(x, None, given)[0], expected)
    for wrong in (
        map_state(lambda part: part.expand(2, -1), state),
        map_state(lambda part: part[:, :4], state),
        map_state(lambda part: part.expand(3, -1)[None], state),
        state * 2,
    ):
        with pytest.raises(RuntimeError, match="state of"):
            network(x, None, wrong)


@each_cell
@each_path
def test_no_step_and_no_sequence(cell, backend):
    network = Recurrent(cell, 4, 6, bidirectional=True, backend=backend)
    state = map_state(torch.randn_like, network.initial_state(3))
    outputs, last = network(torch.randn(3, 0, 4), None, state)
    assert outputs.shape == (3, 0, 12)
    map_state(lambda ours, theirs: torch.testing.assert_close(ours, theirs, rtol=0, atol=0), last, state)
    assert network(torch.randn(0, 5, 4), torch.zeros(0, dtype=torch.int64))[0].shape == (0, 5, 12)


@pytest.mark.slow
def test_two_thousand_calls_under_the_address_sanitizer(tmp_path):
    """Random and hostile calls of all operators, in a build in which an access outside a tensor ends the process."""
    if reason := load("elman"):
        pytest.skip(f"no fused recurrence here: {reason}")
    if (compiler := shutil.which("g++")) is None:
        pytest.skip("no address sanitizer here: g++ with libasan is needed")
    # the C++ library too: where it comes later, the sanitizer does not find what it must wrap
    libraries = [
        subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True).stdout.strip()
        for name in ("libasan.so", "libstdc++.so.6")
    ]
    if not all(map(os.path.isabs, libraries)):
        pytest.skip("no address sanitizer here: g++ with libasan is needed")
    checked = {"LD_PRELOAD": " ".join(libraries), "ASAN_OPTIONS": "detect_leaks=0", "SEQVISION_KERNELS": str(tmp_path)}
    found = subprocess.run(
        [sys.executable, str(CALLS), "2000"], env=os.environ | checked, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr[-3000:]
    results, refused = (int(word) for word in found.stdout.split() if word.isdigit())
    assert results + refused == 2000
    assert min(results, refused) > 300
