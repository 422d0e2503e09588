"""Instance norm, residual sum, ReLU and 2x2 pooling in one pass each way, for networks on a GPU.

`triton_code` has the kernels, `norm_relu_pool` launches them as one differentiable function, `fusing` finds what they
can compute in a network, `trust` compares them with the plain network before they are used. Triton is imported with the
first two alone, so that a machine without it can import all else.
"""
