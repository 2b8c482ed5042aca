"""Builds the wheel, installs it into an empty environment and uses it from an empty folder: help, two training steps,
a caption. Run by `make wheel-test`.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str | Path, cwd: Path) -> str:
    """What the command prints; a failure ends the test with its output."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def main() -> None:
    """Raises or exits on the first step that fails."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", work, ROOT, cwd=ROOT)
        (wheel,) = work.glob("*.whl")
        run(sys.executable, "-m", "venv", work / "venv", cwd=work)
        python = work / "venv" / "bin" / "python"
        run(python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel, cwd=work)
        where = run(python, "-c", "import seqvision; print(seqvision.__file__)", cwd=work).strip()
        assert where.startswith(str(work)), f"imported from {where}, not from the wheel"

        seqvision = work / "venv" / "bin" / "seqvision"
        assert "train" in run(seqvision, "--help", cwd=work)
        counts = "data.counts={train: 16, val: 4, test: 4}"
        run(seqvision, "train", counts, "data.batch_size=8", "trainer.max_epochs=1", "hydra.run.dir=run", cwd=work)
        captions = run(seqvision, "caption", "--checkpoint", "run", "data/scenes/test", cwd=work)
        assert len(captions.splitlines()) == 4, captions
        fused = "from seqvision.rnn.kernels.build import compiler, load; assert not compiler() or not load('elman')"
        run(python, "-c", fused, cwd=work)
        print("the wheel installs, trains and captions")


if __name__ == "__main__":
    main()
