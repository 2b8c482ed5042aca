"""A pretended accelerator: real numbers in the CPU's memory, an error for what a GPU refuses, and counts of what costs.

`with PretendedDevice() as device:` tensors can be moved to `device.name` ("pretend:0"), as to "cuda:0", until the block
ends. Inside it

- an operator on tensors of this and of another device raises `MixedDevices`, and so does a CPU generator;
- a float64 tensor on the device raises `Float64OnDevice`, as on Apple's MPS;
- `device.counting()` counts launches, host waits and copies, by the line of the project or of Lightning.

An operator counts as one launch, however many kernels a GPU starts for it; a view and an allocation count as none.
Random numbers come from the CPU's generator, so that a run equals the same run on a CPU up to the order of sums.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self
from unittest.mock import patch

import torch
from pretended_counts import Counts, source_line
from pretended_rnn import LAYERS, opaque_layer
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_iter, tree_map
from torch.utils.backend_registration import _DummyPrivateUse1Hook, _setup_privateuseone_for_python_backend

NAME = "pretend"

ALLOCATIONS = {"empty", "empty_strided", "empty_like", "new_empty", "new_empty_strided", "_unsafe_view", "resize_"}
# what waits although its tags do not say so: checks of results, bounds and probabilities on the host
WAITS = {"_linalg_check_errors", "_linalg_eigh", "_linalg_svd", "multinomial", "equal"}
INDEXING = {"index", "_unsafe_index", "index_put", "index_put_", "_unsafe_index_put", "_index_put_impl_"}
COPIES = {"copy_", "_to_copy"}
READ_AT_ONCE = "_local_scalar_dense"
LENGTHS_ON_CPU = {"_pack_padded_sequence", "_pack_padded_sequence_backward"}
NO_HOST_SCALARS = {"stack", "cat", "embedding", "gather", "index_select"}


class MixedDevices(RuntimeError):
    """Tensors, or a tensor and a generator, of two devices."""


class Float64OnDevice(TypeError):
    """A tensor in double precision."""


class PretendedTensor(torch.Tensor):
    """A tensor on the device; `values` hold its numbers on the CPU."""

    values: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, values: torch.Tensor) -> "PretendedTensor":
        made = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, values.shape, strides=values.stride(), storage_offset=values.storage_offset(), dtype=values.dtype,
            layout=values.layout, device=torch.device(NAME, 0),
        )  # fmt: skip
        made.values = values
        return made

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"{NAME}({self.values!r})"

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["values"], None

    @staticmethod
    def __tensor_unflatten__(inner: dict[str, torch.Tensor], *_: Any) -> "PretendedTensor":
        return PretendedTensor(inner["values"])

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Saved as its numbers: what a file of a GPU's tensors becomes when it is loaded on a CPU."""
        values = self.values.detach()
        alike = torch.nn.Parameter(values, self.requires_grad) if isinstance(self, torch.nn.Parameter) else values
        return alike.__reduce_ex__(protocol)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _active().run(func, args, kwargs or {})


class PretendedDevice:
    """The device; see the module. float64: allowed, for comparisons in double precision."""

    name = f"{NAME}:0"

    def __init__(self, *, float64: bool = False):
        self.float64 = float64
        self.counts: Counts | None = None
        self.pinned: dict[int, torch.UntypedStorage] = {}  # the storages too, or their addresses would be used again
        self.modes: tuple[Any, ...] = ()

    def __enter__(self) -> Self:
        _register()
        assert _module.device is None, "one pretended device at a time"
        _module.device = self
        # backward passes in the caller's thread: torch starts one for each device that there is at the first pass
        inference = patch.multiple(torch.inference_mode, __enter__=_without_gradients, __exit__=_as_before)
        self.modes = (inference, torch.autograd.set_multithreading_enabled(False), _Dispatch(), _Functions())
        for mode in self.modes:
            mode.__enter__()
        return self

    def __exit__(self, *reason: Any) -> None:
        for mode in reversed(self.modes):
            mode.__exit__(*reason)
        _module.device = None

    @contextmanager
    def counting(self) -> Iterator[Counts]:
        """What happens on the device in the block; the counts stay readable behind it."""
        before, self.counts = self.counts, Counts()
        try:
            yield self.counts
        finally:
            self.counts = before

    def count(self, kind: str, operator: str) -> None:
        """One more of a kind, by the line that asks for it."""
        if self.counts is not None:
            getattr(self.counts, kind)[source_line(), operator] += 1

    def pin(self, tensor: torch.Tensor) -> torch.Tensor:
        """A copy in pretended page-locked memory."""
        copy = tensor.clone()
        self.pinned[copy.untyped_storage().data_ptr()] = copy.untyped_storage()
        return copy

    def is_pinned(self, tensor: torch.Tensor) -> bool:
        return tensor.untyped_storage().data_ptr() in self.pinned

    def run(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """The operator's result: the CPU's numbers, checked and counted as the device's."""
        name = func._schema.name.partition("::")[2]
        tensors = [each for each in tree_iter((args, kwargs)) if isinstance(each, torch.Tensor)]
        here = [each for each in tensors if isinstance(each, PretendedTensor)]
        target = next((each.type for each in tree_iter((args, kwargs)) if isinstance(each, torch.device)), None)
        if not here and target != NAME:
            return func(*args, **kwargs)
        self._check(func, name, args, kwargs, [each for each in tensors if not isinstance(each, PretendedTensor)])
        plain_args, plain_kwargs = tree_map(_values, (args, kwargs))
        if target is not None:
            plain_kwargs["device"] = torch.device("cpu")
        plain_kwargs.pop("pin_memory", None)
        to_host = (name == "_to_copy" and target not in (None, NAME)) or (
            name == "copy_" and not isinstance(args[0], PretendedTensor)
        )
        self._count(func, name, args, kwargs, here, to_host=to_host)
        out = func(*plain_args, **plain_kwargs)
        if to_host:
            return args[0] if name == "copy_" else out
        if name == "_pack_padded_sequence":  # the sizes of the steps stay on the host
            return PretendedTensor(out[0]), out[1]
        self._refuse_float64(name, out)
        return return_and_correct_aliasing(func, args, kwargs, tree_map(_on_device, out))

    def _check(self, func: Any, name: str, args: Any, kwargs: dict[str, Any], others: list[torch.Tensor]) -> None:
        """Raises MixedDevices where a GPU would not run the operator."""
        generators = [each for each in tree_iter((args, kwargs)) if isinstance(each, torch.Generator)]
        if any(each.device.type != NAME for each in generators):
            raise MixedDevices(f"{name} on {self.name} with a generator of {generators[0].device} ({source_line()})")
        if not others or name in COPIES or name in LENGTHS_ON_CPU:
            return
        if name in INDEXING and isinstance(args[0], PretendedTensor):
            others = [each for each in args[2:] if isinstance(each, torch.Tensor) and each.dim()]  # indices may be
            others = [each for each in others if not isinstance(each, PretendedTensor)]
        elif name not in NO_HOST_SCALARS and not func._schema.is_mutable:
            others = [each for each in others if each.dim()]  # a number of the host's goes along with the launch
        elif func._schema.is_mutable and isinstance(args[0], PretendedTensor):
            others = [each for each in others if each.dim()]
        if others:
            shapes = [tuple(each.shape) for each in others]
            raise MixedDevices(f"{name} of tensors on {self.name} and on the CPU, {shapes} ({source_line()})")

    def _count(self, func: Any, name: str, args: Any, kwargs: Any, here: list[torch.Tensor], *, to_host: bool) -> None:
        if to_host:
            return self.count("waits", name)
        source = args[1] if name == "copy_" else args[0] if args else None
        if name in COPIES and not isinstance(source, PretendedTensor):
            asked = kwargs.get("non_blocking", args[2] if name == "copy_" and len(args) > 2 else False)
            return self.count("copies" if asked and self.is_pinned(source) else "blocking", name)
        if name in INDEXING:
            indices = [each for each in args[1] if each is not None]
            for each in indices:
                if not isinstance(each, PretendedTensor):
                    self.count("blocking", f"{name}[indices]")
            masks = [each for each in indices if each.dtype in (torch.bool, torch.uint8)]
            filled = "index_put" in name and args[2].numel() == 1  # a number: a GPU runs masked_fill
            if masks and not filled:
                self.count("waits", f"{name}[mask]")
        elif here and (
            name in WAITS or {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(func.tags)
        ):
            self.count("waits", name)
        alias = func._schema.returns[0].alias_info if func._schema.returns else None
        view = alias is not None and (not alias.is_write or torch.Tag.inplace_view in func.tags)
        if not view and name not in ALLOCATIONS and name != READ_AT_ONCE:
            self.count("launches", name)
        return None

    def _refuse_float64(self, name: str, out: Any) -> None:
        if not self.float64 and any(isinstance(t, torch.Tensor) and t.dtype == torch.float64 for t in tree_iter(out)):
            raise Float64OnDevice(f"{name} makes float64, which MPS does not have ({source_line()})")


class _Dispatch(TorchDispatchMode):
    """Operators without a tensor of the device: what makes one."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _active().run(func, args, kwargs or {})


class _Functions(TorchFunctionMode):
    """What torch does above its operators: numbers of Python's, pinned memory, cuDNN's networks."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, device, name = dict(kwargs or {}), _active(), getattr(func, "__name__", "")
        first = args[0] if args else None
        here = isinstance(first, PretendedTensor)
        if func in (torch.tensor, torch.as_tensor, torch.asarray):
            target = kwargs.get("device")
            if not here and target is not None and torch.device(target).type == NAME:
                kwargs.pop("device")
                grad = kwargs.pop("requires_grad", False)
                return func(*args, **kwargs).to(device.name).requires_grad_(grad)
        elif func is torch.Tensor.new_tensor and here:
            return torch.tensor(args[1], dtype=kwargs.get("dtype", first.dtype)).to(device.name)
        elif func is torch.Tensor.tolist and here:
            return first.cpu().tolist()
        elif func is torch.Tensor.numpy and here:
            raise TypeError(f"can't convert {device.name} device type tensor to numpy")
        elif func is torch.Tensor.pin_memory and not here:
            return device.pin(first)
        elif func is torch.Tensor.is_pinned and not here:
            return device.is_pinned(first)
        elif func is torch.Tensor.data.__set__ and here:
            first.values = args[1].values
        elif name in LAYERS and any(isinstance(each, PretendedTensor) for each in args):
            return opaque_layer(func, args, unwrap=_values, wrap=_on_device, launched=device.count)
        return func(*args, **kwargs)


class _Module:
    """What stands where `torch.cuda` stands for a GPU."""

    device: PretendedDevice | None = None

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return self.device is not None

    def device_count(self) -> int:
        return 1

    def current_device(self) -> int:
        return 0

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed(self, seed: int) -> None:
        """Nothing: the CPU's generator serves."""

    manual_seed_all = manual_seed

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


class _Hook(_DummyPrivateUse1Hook):
    def is_available(self) -> bool:
        return _module.device is not None


_module = _Module()


def _register() -> None:
    """Once a process, before the first block: torch takes one further device."""
    if not hasattr(torch, NAME):
        _setup_privateuseone_for_python_backend(rename=NAME, backend_module=_module, hook=_Hook())
        for module in ("torch.optim.optimizer", "torch.utils._foreach_utils"):  # optimizers treat it as they do CUDA
            importlib.import_module(module)._foreach_supported_types.append(PretendedTensor)


def _active() -> PretendedDevice:
    assert _module.device is not None, "a tensor of the pretended device outlives its block"
    return _module.device


def _without_gradients(self: Any) -> None:
    """`inference_mode` as `no_grad`: torch's tensors of Python cannot be tensors of inference."""
    self.pretended = torch.set_grad_enabled(not self.mode and torch.is_grad_enabled())


def _as_before(self: Any, *_: Any) -> None:
    torch.set_grad_enabled(self.pretended.prev)


def _values(each: Any) -> Any:
    return each.values if isinstance(each, PretendedTensor) else each


def _on_device(each: Any) -> Any:
    return PretendedTensor(each) if type(each) is torch.Tensor else each
