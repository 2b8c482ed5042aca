"""Weights & Biases for tests."""

import os

import pytest


@pytest.fixture
def wandb(monkeypatch, tmp_path):
    """The module, with no credentials in reach and all that it writes in a temporary folder."""
    module = pytest.importorskip("wandb", reason="wandb is an extra: pip install 'seqvision[wandb]'")
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    for place in ("DIR", "DATA_DIR", "CACHE_DIR", "CONFIG_DIR"):
        monkeypatch.setenv(f"WANDB_{place}", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    module.teardown()  # it remembers the environment
    yield module
    module.teardown()
