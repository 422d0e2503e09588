"""The ATen operators that a network from a stranger may consist of.

Each computes tensors from tensors and numbers. Left out is everything that reads or writes files (`from_file`), draws
random numbers, skips checks (`_unsafe_*`, the `native_*` norms), or reaches memory that is not the tensor's
(`as_strided`, `set_`, `resize_`).
"""

_LAYERS = """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool2d avg_pool1d avg_pool2d batch_norm bilinear conv1d conv2d
    convolution dropout embedding feature_dropout group_norm instance_norm layer_norm rms_norm linear max_pool1d
    max_pool2d
    scaled_dot_product_attention upsample_bicubic2d upsample_bilinear2d upsample_nearest2d _upsample_bilinear2d_aa
    _upsample_bicubic2d_aa pixel_shuffle pixel_unshuffle channel_shuffle
"""
_ACTIVATIONS = """
    celu elu erf gelu glu hardshrink hardsigmoid hardswish hardtanh leaky_relu log_sigmoid log_softmax mish _log_softmax
    prelu relu relu6 selu sigmoid silu _softmax softmax softplus softshrink tanh threshold
"""
_ARITHMETIC = """
    abs add addcdiv addcmul addmm argmax argmin baddbmm bmm ceil clamp clamp_max clamp_min cos cosine_similarity cumsum
    div dot einsum eq exp expm1 floor floor_divide fmod ge gt le linalg_vector_norm log log1p log2 logical_and
    logical_not logical_or logsumexp lt masked_fill matmul max maximum mean min minimum mm mul mv ne neg norm pow prod
    reciprocal remainder round rsqrt rsub sign sin sort sqrt square sub sum topk true_divide var var_mean std
    std_mean where amax amin any all bitwise_and bitwise_or bitwise_not tril triu outer frobenius_norm
"""
_SHAPES = """
    alias arange cat chunk clone constant_pad_nd contiguous detach detach_ expand expand_as fill flatten flip full
    full_like gather index index_select lift_fresh_copy movedim narrow new_full new_ones new_zeros ones ones_like
    pad permute repeat repeat_interleave reshape roll scalar_tensor select slice split split_with_sizes squeeze stack
    sym_size t tile to _to_copy transpose unbind unflatten unfold unsqueeze view zeros zeros_like
    replication_pad2d reflection_pad2d broadcast_to swapaxes meshgrid im2col
"""
_IN_PLACE = """
    add_ sub_ mul_ div_ relu_ relu6_ hardswish_ hardsigmoid_ hardtanh_ silu_ elu_ leaky_relu_ sigmoid_ tanh_ dropout_
    clamp_ clamp_min_ fill_ masked_fill_ copy_ mish_ squeeze_ unsqueeze_ transpose_ selu_ celu_ threshold_ zero_ exp_
    sqrt_ pow_
"""
_CHECKS = "_assert_tensor_metadata _assert_scalar"

OPERATORS = frozenset(" ".join((_LAYERS, _ACTIVATIONS, _ARITHMETIC, _SHAPES, _IN_PLACE, _CHECKS)).split())
"""Names below `torch.ops.aten`, each with all its overloads but those that write into a tensor given as `out`."""
