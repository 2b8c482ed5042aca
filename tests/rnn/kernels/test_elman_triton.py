"""The GPU's recurrences: the cases of `elman_triton_cases.py` in Triton's interpreter and on a GPU, and what needs
neither.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from seqvision.rnn import ElmanCell, GRUCell, LayerNormElmanCell
from seqvision.rnn.paths import gpu_layers, layer_for

triton = pytest.importorskip("triton", reason="triton is not installed: it comes with torch where torch can use a GPU")
TRITON = "seqvision.rnn.kernels.elman_triton"
CASES = Path(__file__).with_name("elman_triton_cases.py")


def passes(marked: str, **environment: str) -> None:
    """Runs the cases in a process of its own: what triton was imported for, it stays for."""
    command = [sys.executable, "-m", "pytest", str(CASES), "-q", "-m", marked, "-p", "no:cacheprovider"]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


@pytest.mark.slow
def test_quick_cases_in_the_interpreter():
    passes("not slow", TRITON_INTERPRET="1")


@pytest.mark.slow
def test_slow_cases_in_the_interpreter():
    passes("slow", TRITON_INTERPRET="1")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
def test_all_cases_on_the_gpu():
    passes("slow or not slow", TRITON_INTERPRET="0")


def test_only_who_insists_gets_it_and_only_for_what_it_computes():
    """On tensors that say they lie on a GPU."""
    with FakeTensorMode():
        x = torch.empty(2, 3, 4, device="cuda")
    for cell in (ElmanCell(4, 5), LayerNormElmanCell(4, 5)):
        assert layer_for(cell, x, None, "auto").__module__ != TRITON
        assert layer_for(cell, x, None, "fused").__module__ == TRITON
    assert "triton" not in gpu_layers(GRUCell(4, 5), x)
    assert "triton" not in gpu_layers(ElmanCell(4, 5).half(), x)
    assert not gpu_layers(type("Own", (ElmanCell,), {})(4, 5), x)


QUICK = [(torch.float32, 75, 500), (torch.float32, 90, 1024)]
SLOW = [(torch.float32, 80, 128), (torch.float32, 120, 1500), (torch.float64, 75, 128), (torch.float64, 90, 500)]


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("dtype", "capability", "hidden"), [*QUICK, *(pytest.param(*each, marks=pytest.mark.slow) for each in SLOW)]
)
@pytest.mark.parametrize("kernel", ["forward_kernel", "backward_kernel"])
def test_compiles_for_gpus_that_are_not_here(kernel, dtype, capability, hidden, monkeypatch, tmp_path):
    """The interpreter takes more than the compiler does, and knows no limits: a program may have 64 KiB of shared
    memory on a GPU of 2018, 99 or more on all later ones.
    """
    from seqvision.rnn.kernels import elman_triton

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    function = getattr(elman_triton, kernel)
    cut = elman_triton.blocks(10_000, hidden, dtype.itemsize, torch.device("cpu"))
    options = {"num_warps": cut.pop("num_warps")}
    constants = {"EPS": 1e-5, "REVERSE": True, **cut}
    if cut["WHOLE"] == cut["OUTER"]:
        constants["scratch"] = None
    kinds = {"lengths": "*i32", "batch": "i32", "time": "i32", "hidden": "i32", "width": "i32"}
    number = f"*fp{8 * dtype.itemsize}"
    signature = {name: "constexpr" if name in constants else kinds.get(name, number) for name in function.arg_names}
    constants = {name: value for name, value in constants.items() if name in signature}
    # of memory from torch, and of the padded width, Triton sees by itself that they divide by 16
    attributes = {
        (place,): [["tt.divisibility", 16]]
        for place, (name, kind) in enumerate(signature.items())
        if kind.startswith("*") or name == "width"
    }
    source = triton.compiler.ASTSource(function, signature, constants, attributes)
    target = triton.backends.compiler.GPUTarget("cuda", capability, 32)
    made = triton.compile(source, target=target, options=options)
    assert made.metadata.shared <= (64 if capability == 75 else 99) * 1024
