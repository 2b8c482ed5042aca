"""What runs here: for the record of an evaluation, and for `seqvision doctor`."""

import platform
import subprocess
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """The processor, its cores, the threads that torch uses, accelerators, versions."""
    import torch

    from seqvision import __version__
    from seqvision.data.workers import usable_cores

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "gpus": gpus,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "seqvision": __version__,
    }


def cpu_model() -> str:
    """The processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or platform.machine()


def commit() -> str | None:
    """The commit of the checkout that this package runs from, with + where files were changed; else None."""
    source = Path(__file__).resolve().parent.parent.parent
    if not (source / ".git").exists():
        return None
    try:
        found = [
            subprocess.run(["git", "-C", str(source), *command], capture_output=True, text=True, check=True).stdout
            for command in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--", "seqvision", "conf"])
        ]
    except (OSError, subprocess.CalledProcessError):
        return None
    return found[0].strip() + ("+" if found[1].strip() else "")
