"""Lightning's trainer from the configuration, with what depends on the device that there is."""

import sys
from typing import Any

from seqvision.cli.objects import instantiate
from seqvision.errors import UserError

SCALE = 2.0**8  # of float16 gradients at first: the loss is a sum over items, for whose mean 2^16 is usual


def new_trainer(settings: Any, **further: Any) -> Any:
    """The trainer that a node of the configuration describes; three of its values are settled here, in the node.

    precision: "auto" is bfloat16 where the GPU computes in it, else float16, and float32 where there is no CUDA.
    sync_batchnorm: "auto" is true on CUDA; on CPUs torch has no synchronized batch norm.
    tf32: whether products and convolutions of float32 numbers may take 10 bits of their digits on NVIDIA GPUs.
    """
    import torch
    from omegaconf import open_dict

    cuda = torch.cuda.is_available() and settings.get("accelerator") != "cpu"
    with open_dict(settings):
        tf32 = settings.pop("tf32", False)
    if not isinstance(tf32, bool):
        raise UserError(f"trainer.tf32 is {tf32!r:.80}; expected true or false")
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    if settings.get("precision") == "auto":
        settings.precision = best_precision() if cuda else "32-true"
    if settings.get("sync_batchnorm") == "auto":
        settings.sync_batchnorm = cuda
    if cuda and str(settings.get("precision")) in ("16-mixed", "16"):
        from pytorch_lightning.plugins import MixedPrecision

        scaler = torch.amp.GradScaler("cuda", init_scale=SCALE)
        further["plugins"] = [*further.get("plugins", []), MixedPrecision("16-mixed", "cuda", scaler)]
        settings.precision = None
    return instantiate(settings, _convert_="all", **further)  # all: a duration is a plain mapping


def best_precision() -> str:
    """Mixed precision in bfloat16 where every CUDA device computes in it: older ones (before compute capability 8.0:
    T4, V100, RTX 20) only emulate it, and are faster in float16.
    """
    import torch

    devices = [torch.device("cuda", number) for number in range(torch.cuda.device_count())]
    return "bf16-mixed" if all(computes_in_bfloat16(device) for device in devices) else "16-mixed"


def computes_in_bfloat16(device: Any) -> bool:
    """Whether a CUDA device does so itself."""
    import torch

    with torch.cuda.device(device):
        return torch.cuda.is_bf16_supported(including_emulation=False)


def say_unsynchronized(task: Any, trainer: Any, *, synchronized: bool) -> None:
    """A warning where batch norm makes a step depend on how many processes there are."""
    from torch.nn.modules.batchnorm import SyncBatchNorm, _BatchNorm

    layers = [module for module in task.model.modules() if isinstance(module, _BatchNorm)]
    learning = [each for each in layers if not isinstance(each, SyncBatchNorm) and each.training]
    if not learning or trainer.world_size == 1 or not trainer.is_global_zero or synchronized:
        return
    print(
        f"warning: batch norm: each of {trainer.world_size} processes normalizes by its own share of a batch. For the "
        "statistics of the whole batch set trainer.sync_batchnorm=true (GPUs only), or take group norm "
        "(encoder.norm=group)",
        file=sys.stderr,
    )
