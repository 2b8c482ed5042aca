"""CUDA's rules of autocast for the pretended device: which operators run in half precision, which in float32.

The lists are those of torch's documentation, "CUDA Ops that can autocast to float16, float32, the widest input type".
`register()` once, then `torch.autocast("pretend", dtype=torch.bfloat16)`.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from pretended_device import PretendedTensor
from torch.utils._pytree import tree_leaves, tree_map

HALF = """_convolution conv1d conv2d conv3d conv_transpose1d convolution prelu addmm addmv addr matmul einsum mm mv
linear addbmm baddbmm bmm chain_matmul linalg_multi_dot"""
FLOAT32 = """acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan pow.Tensor_Scalar
pow.Tensor_Tensor pow.Scalar softplus layer_norm native_layer_norm group_norm frobenius_norm.dim cosine_similarity
nll_loss nll_loss_nd kl_div l1_loss smooth_l1_loss huber_loss mse_loss soft_margin_loss multi_margin_loss
binary_cross_entropy_with_logits dist cdist logsumexp upsample_bilinear2d prod softmax.int log_softmax.int cumprod
cumsum linalg_vector_norm sum sum.dim_IntList norm.Scalar norm.ScalarOpt_dim"""
WIDEST = "addcdiv addcmul atan2 bilinear dot grid_sampler index_put scatter_add tensordot"

_KEYS = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)
_libraries: list[torch.library.Library] = []


@functools.cache
def register() -> None:
    """Until the process ends: autocast of the pretended device is CUDA's."""
    _libraries.extend(torch.library.Library(namespace, "IMPL") for namespace in ("aten", "_"))
    for names, dtype in ((HALF, "half"), (FLOAT32, "float32"), (WIDEST, "widest")):
        for name in names.split():
            operator, _, overload = name.partition(".")
            function = getattr(getattr(torch.ops.aten, operator), overload or "default")
            _libraries[0].impl(name, _cast(function, dtype), "AutocastPrivateUse1")
    _libraries[1].fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")


def _cast(function: Callable[..., Any], to: str) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with torch._C._ExcludeDispatchKeyGuard(_KEYS):
            dtype = torch.float32
            if to == "half":
                dtype = torch.get_autocast_dtype("pretend")
            elif to == "widest":
                found = {each.dtype for each in tree_leaves((args, kwargs)) if _can(each)}
                dtype = found.pop() if len(found) == 1 else torch.float32
            args, kwargs = tree_map(lambda each: each.to(dtype) if _can(each) else each, (args, kwargs))
            return function(*args, **kwargs)

    return run


def _can(each: Any) -> bool:
    return isinstance(each, PretendedTensor) and each.is_floating_point() and each.dtype != torch.float64
