"""The same network, computed with fused kernels: what follows each of its convolutions becomes one call.

A network is traced (`torch.fx`) and its graph rewritten, so that its definition stays what it is, and any network with
instance norms gains, whoever wrote it.
"""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from workers.ladd.engine.kernels.norm_relu_pool import Form, Pooling, norm_relu_pool

RELUS = {F.relu, torch.relu}
SUMS = {operator.add, operator.iadd, torch.add}


def fused(model: nn.Module) -> nn.Module:
    """Return a network with the parameters of `model` (the same tensors) and fused norms, for images [B, C, H, W].

    Each `GroupNorm(C, C)` goes together with the sum, ReLU and 2x2 pooling that follow it alone; the bias of the
    convolution before it is left out, as it has no effect. `model` stays as it is. Raises ValueError when there is no
    such norm; what `torch.fx` cannot trace is its error.
    """
    graph = fx.Tracer().trace(model)
    network = fx.GraphModule(model, graph)
    norms = [node for node in graph.nodes if _is_instance_norm(_module(network, node))]
    if not norms:
        raise ValueError(f"{type(model).__name__} has no instance norm")
    for number, node in enumerate(norms):
        _fuse(network, node, f"fused_{number}")
    graph.lint()
    network.recompile()
    return network


class FusedNorm(nn.Module):
    """A norm with what follows it; `bias`: of the convolution before, which the norm cancels."""

    def __init__(self, norm: nn.GroupNorm, relu: bool, pool: nn.Module | None, bias: nn.Parameter | None) -> None:
        super().__init__()
        self.norm, self.pool, self.bias = norm, pool, bias
        self._relu, self._pooling = relu, _pooling(pool)

    def forward(self, maps: Tensor, residual: Tensor | None = None) -> Tensor:
        """Return maps [B, C, H / 2, W / 2], or [B, C, H, W] without pooling, of maps and residual [B, C, H, W]."""
        fits = maps.shape[2] % 2 == 0 and maps.shape[3] % 2 == 0
        form = Form(self._relu, self._pooling if fits else "none")
        done = norm_relu_pool(
            maps, self.norm.weight, self.norm.bias, self.norm.eps, form, residual=residual, cancelled=self.bias
        )
        if self.pool is not None and not fits:
            pooled: Tensor = self.pool(done)
            return pooled
        return done


class Unbiased(nn.Module):
    """A convolution without its bias."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, maps: Tensor) -> Tensor:
        """Return the convolution of maps [B, C, H, W]."""
        convolved: Tensor = self.convolution._conv_forward(maps, self.convolution.weight, None)
        return convolved


def _fuse(network: fx.GraphModule, norm: fx.Node, name: str) -> None:
    """Replace a norm and what follows it by one call."""
    taken, residual, pool = [norm], [], None
    following = _only_user(norm)
    if following and following.target in SUMS and len(following.all_input_nodes) == 2 and not following.kwargs:
        behind = _only_user(following)
        if behind and _is_relu(network, behind):
            residual = [node for node in following.all_input_nodes if node is not norm]
            taken.append(following)
            following = behind
    relu = following is not None and _is_relu(network, following)
    if following and relu:
        taken.append(following)
        following = _only_user(following)
        if following and not residual and _pooling(_module(network, following)) != "none":
            pool = _module(network, following)
            taken.append(following)

    before, last = norm.all_input_nodes[0], taken[-1]
    module = _module(network, norm)
    assert isinstance(module, nn.GroupNorm)
    network.add_submodule(name, FusedNorm(module, relu, pool, _unbiased(network, before, f"{name}_unbiased")))
    with network.graph.inserting_after(last):
        call = network.graph.call_module(name, (before, *residual))
    last.replace_all_uses_with(call)
    for node in reversed(taken):
        network.graph.erase_node(node)


def _unbiased(network: fx.GraphModule, node: fx.Node, name: str) -> nn.Parameter | None:
    """Take the bias from the convolution whose result the norm alone gets, if that is what `node` is; return it."""
    convolution = _module(network, node)
    if not isinstance(convolution, nn.Conv2d) or convolution.bias is None or len(node.users) > 1:
        return None
    network.add_submodule(name, Unbiased(convolution))
    node.target = name
    bias = convolution.bias
    assert isinstance(bias, nn.Parameter)
    return bias


def _module(network: nn.Module, node: fx.Node) -> nn.Module | None:
    return network.get_submodule(str(node.target)) if node.op == "call_module" else None


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _is_instance_norm(module: nn.Module | None) -> bool:
    return isinstance(module, nn.GroupNorm) and module.num_groups == module.num_channels and module.affine


def _is_relu(network: nn.Module, node: fx.Node) -> bool:
    return node.target in RELUS or isinstance(_module(network, node), nn.ReLU)


def _pooling(module: nn.Module | None) -> Pooling:
    """Return which 2x2 pooling without overlap a module is; "none" for all else."""
    if not isinstance(module, nn.AvgPool2d | nn.MaxPool2d) or module.ceil_mode:
        return "none"
    sizes: Any = (module.kernel_size, module.stride, module.padding)
    if any(size not in (wanted, (wanted, wanted)) for size, wanted in zip(sizes, (2, 2, 0), strict=True)):
        return "none"
    if isinstance(module, nn.AvgPool2d):
        return "mean" if module.divisor_override is None else "none"
    return "max" if module.dilation == 1 and not module.return_indices else "none"
