# mypy: disable-error-code="no-untyped-def, untyped-decorator"
# ruff: noqa: N803 - capitals are constants that a kernel is compiled for, by Triton's custom
"""Triton code of instance norm, residual sum, ReLU and 2x2 pooling over maps in memory order [N, H, W, C].

All of it is bound by memory: what counts is how often a map is read and written. A program handles CHANNELS channels of
one image, so that what is read together is contiguous, and goes through its pixels in tiles. Statistics are needed
before the first value can be normalised, hence two passes over the plane:

- A small plane is one program's (SPLITS == 1): its second pass finds the plane in the caches, and one kernel does both.
- A large one is cut into SPLITS chunks, or ten images of 64 channels would keep 10 of 132 multiprocessors busy: one
  kernel writes the statistics of each chunk, the next merges those few numbers and normalises. It takes the programs in
  reverse, as what the first kernel read last is what the L2 cache still holds. (A single kernel whose programs wait for
  each other would read a large plane once, not twice; no interpreter, which runs one program after the other, could
  test it.)

Nothing is summed by atomics, so equal runs have equal bits. Only the input is kept for the backward pass, which
normalises again; with a residual the output as well, whose sign is the ReLU's mask (it is kept anyway, as the next
convolution's input).

Comparisons are written so that NaN passes through, as it does in torch: a diverged training must show.
Arguments of every kernel: `plane` = H * W, `width` = W; SIDE: of the pooling window, 1 for none; MAX: of its values,
else their mean. The statistics are float32 whatever the maps are.
"""

import triton
import triton.language as tl


@triton.jit
def _place(program, channels, SPLITS: tl.constexpr, CHANNELS: tl.constexpr):
    """Return image, chunk, channels [CHANNELS] and which of them exist; neighbours in memory are neighbours in time."""
    blocks = tl.cdiv(channels, CHANNELS)
    channel = program % blocks * CHANNELS + tl.arange(0, CHANNELS)
    row = (program // (blocks * SPLITS)).to(tl.int64)
    return row, program // blocks % SPLITS, channel, (channel < channels)[None, :]


@triton.jit
def _pixel(window, width, k, SIDE: tl.constexpr):
    """Return the index in the plane of the k-th pixel of each pooling window."""
    if SIDE == 1:
        return window
    pooled_width = width // SIDE
    return (window // pooled_width * SIDE + k // SIDE) * width + window % pooled_width * SIDE + k % SIDE


@triton.jit
def _chunk_moments(x_ptr, channel, exists, channels, first, last, PIXELS: tl.constexpr, CHANNELS: tl.constexpr):
    """Return mean and sum of squared deviations [CHANNELS] of the pixels from `first` to `last`.

    Exact mean and deviations within a tile, merged as Chan, Golub & LeVeque (1983): no difference of large squares.
    """
    count = 0.0
    mean = tl.zeros([CHANNELS], tl.float32)
    squares = tl.zeros([CHANNELS], tl.float32)
    for start in range(first, last, PIXELS):
        pixel = start + tl.arange(0, PIXELS)
        inside = (pixel < last)[:, None] & exists
        x = tl.load(x_ptr + pixel[:, None] * channels + channel[None, :], inside, other=0.0).to(tl.float32)
        here = tl.minimum(last - start, PIXELS).to(tl.float32)
        tile_mean = tl.sum(x, axis=0) / here
        away = tl.where(inside, x - tile_mean[None, :], 0.0)
        delta = tile_mean - mean
        squares += tl.sum(away * away, axis=0) + delta * delta * (count * here / (count + here))
        mean += delta * (here / (count + here))
        count += here
    return mean, squares


@triton.jit
def _pairs(partial_ptr, row, channel, channels, SPLITS: tl.constexpr):
    """Return where the two numbers of each chunk lie in float32 [N, SPLITS, 2, C], as [SPLITS, CHANNELS] pointers."""
    first = partial_ptr + (row * SPLITS + tl.arange(0, SPLITS))[:, None] * 2 * channels + channel[None, :]
    return first, first + channels


@triton.jit
def moments_kernel(
    x_ptr, partial_ptr, plane, channels, SPLITS: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr
):
    """Write mean and sum of squared deviations of every chunk to `partial` [N, SPLITS, 2, C]."""
    row, split, channel, exists = _place(tl.program_id(0), channels, SPLITS, CHANNELS)
    chunk = tl.cdiv(plane, SPLITS)
    last = tl.minimum((split + 1) * chunk, plane)
    x_ptr += row * plane * channels
    mean, squares = _chunk_moments(x_ptr, channel, exists, channels, split * chunk, last, PIXELS, CHANNELS)
    at = partial_ptr + (row * SPLITS + split) * 2 * channels + channel
    tl.store(at, mean, channel < channels)
    tl.store(at + channels, squares, channel < channels)


@triton.jit
def _plane_moments(
    x_ptr,
    partial_ptr,
    row,
    channel,
    exists,
    plane,
    channels,
    SPLITS: tl.constexpr,
    PIXELS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """Return mean and sum of squared deviations [CHANNELS] of the whole plane, from those of its chunks if it has."""
    if SPLITS == 1:
        return _chunk_moments(x_ptr, channel, exists, channels, 0, plane, PIXELS, CHANNELS)
    chunk = tl.cdiv(plane, SPLITS)
    count = tl.minimum(tl.maximum(plane - tl.arange(0, SPLITS) * chunk, 0), chunk).to(tl.float32)[:, None]
    at_mean, at_squares = _pairs(partial_ptr, row, channel, channels, SPLITS)
    means = tl.load(at_mean, exists, other=0.0)
    mean = tl.sum(means * count, axis=0) / plane
    away = means - mean[None, :]
    return mean, tl.sum(tl.load(at_squares, exists, other=0.0) + count * away * away, axis=0)


@triton.jit
def forward_kernel(
    x_ptr,
    residual_ptr,
    scale_ptr,
    shift_ptr,
    partial_ptr,
    y_ptr,
    mean_ptr,
    rstd_ptr,
    plane,
    width,
    channels,
    eps,
    RESIDUAL: tl.constexpr,
    RELU: tl.constexpr,
    SIDE: tl.constexpr,
    MAX: tl.constexpr,
    SPLITS: tl.constexpr,
    PIXELS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """Write the pooled maps to `y`, and mean and 1 / standard deviation [N, C] for the backward pass."""
    program = tl.num_programs(0) - 1 - tl.program_id(0)
    row, split, channel, exists = _place(program, channels, SPLITS, CHANNELS)
    x_ptr += row * plane * channels
    mean, squares = _plane_moments(x_ptr, partial_ptr, row, channel, exists, plane, channels, SPLITS, PIXELS, CHANNELS)
    rstd = tl.rsqrt(squares / plane + eps)
    if split == 0:
        tl.store(mean_ptr + row * channels + channel, mean, channel < channels)
        tl.store(rstd_ptr + row * channels + channel, rstd, channel < channels)
    scale = rstd * tl.load(scale_ptr + channel, channel < channels, other=0.0)
    shift = tl.load(shift_ptr + channel, channel < channels, other=0.0)

    AREA: tl.constexpr = SIDE * SIDE
    WINDOWS: tl.constexpr = PIXELS // AREA
    windows = plane // AREA
    chunk = tl.cdiv(windows, SPLITS)
    last = tl.minimum((split + 1) * chunk, windows)
    y_ptr += row * windows * channels
    residual_ptr += row * windows * channels
    for start in range(split * chunk, last, WINDOWS):
        window = start + tl.arange(0, WINDOWS)
        inside = (window < last)[:, None] & exists
        y = tl.zeros([WINDOWS, CHANNELS], tl.float32)
        for k in tl.static_range(AREA):
            at = _pixel(window, width, k, SIDE)[:, None] * channels + channel[None, :]
            z = (tl.load(x_ptr + at, inside, other=0.0).to(tl.float32) - mean[None, :]) * scale[None, :]
            z += shift[None, :]
            if RESIDUAL:
                z += tl.load(residual_ptr + at, inside, other=0.0).to(tl.float32)
            if RELU:
                z = tl.where(z <= 0.0, 0.0, z)
            if k == 0:
                y = z
            elif MAX:
                y = tl.where(z <= y, y, z)
            else:
                y += z
        if AREA > 1 and not MAX:
            y = y / AREA
        at = window[:, None] * channels + channel[None, :]
        tl.store(y_ptr + at, y.to(y_ptr.dtype.element_ty), inside)


@triton.jit
def _normalized(x_ptr, at, inside, mean, rstd):
    return (tl.load(x_ptr + at, inside, other=0.0).to(tl.float32) - mean[None, :]) * rstd[None, :]


@triton.jit
def _first_maximum(
    x_ptr, window, inside, width, channel, channels, mean, rstd, scale, shift, SIDE: tl.constexpr, MAX: tl.constexpr
):
    """Return which pixel of its window has the largest value, the first of equal ones as in torch; 0 if not MAX.

    The ReLU, left out here, would make equal only what is not above zero, where no gradient passes.
    """
    at = window[:, None] * channels + channel[None, :]
    best = tl.zeros_like(at).to(tl.float32)
    winner = tl.zeros_like(at)
    if MAX:
        for k in tl.static_range(SIDE * SIDE):
            at = _pixel(window, width, k, SIDE)[:, None] * channels + channel[None, :]
            z = _normalized(x_ptr, at, inside, mean, rstd) * scale[None, :] + shift[None, :]
            if k == 0:
                best = z
            else:
                winner = tl.where(z > best, k, winner)
                best = tl.where(z > best, z, best)
    return winner


@triton.jit
def _slope(
    dy, normalized, y_ptr, at, inside, scale, shift, winner, k,
    RESIDUAL: tl.constexpr, RELU: tl.constexpr, SIDE: tl.constexpr, MAX: tl.constexpr,
):  # fmt: skip
    """Return the gradient of what the ReLU got, for the k-th pixel of windows whose gradient is `dy`."""
    if MAX:
        dy = tl.where(winner == k, dy, 0.0)
    elif SIDE > 1:
        dy = dy / (SIDE * SIDE)
    if RESIDUAL:
        return tl.where(tl.load(y_ptr + at, inside, other=0.0).to(tl.float32) <= 0.0, 0.0, dy)
    if RELU:
        return tl.where(normalized * scale[None, :] + shift[None, :] <= 0.0, 0.0, dy)
    return dy


@triton.jit
def _chunk_sums(
    x_ptr, y_ptr, dy_ptr, dresidual_ptr, mean, rstd, scale, shift, channel, exists, channels, width, first, last,
    RESIDUAL: tl.constexpr, RELU: tl.constexpr, SIDE: tl.constexpr, MAX: tl.constexpr,
    PIXELS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Return the sums [CHANNELS] of the slope, and of slope times normalised value, over windows `first` to `last`.

    Writes the slope, which is the residual's gradient, where there is one.
    """
    AREA: tl.constexpr = SIDE * SIDE
    WINDOWS: tl.constexpr = PIXELS // AREA
    slopes = tl.zeros([CHANNELS], tl.float32)
    products = tl.zeros([CHANNELS], tl.float32)
    for start in range(first, last, WINDOWS):
        window = start + tl.arange(0, WINDOWS)
        inside = (window < last)[:, None] & exists
        dy = tl.load(dy_ptr + window[:, None] * channels + channel[None, :], inside, other=0.0).to(tl.float32)
        winner = _first_maximum(x_ptr, window, inside, width, channel, channels, mean, rstd, scale, shift, SIDE, MAX)
        for k in tl.static_range(AREA):
            at = _pixel(window, width, k, SIDE)[:, None] * channels + channel[None, :]
            normalized = _normalized(x_ptr, at, inside, mean, rstd)
            slope = _slope(dy, normalized, y_ptr, at, inside, scale, shift, winner, k, RESIDUAL, RELU, SIDE, MAX)
            if RESIDUAL:
                tl.store(dresidual_ptr + at, slope.to(dresidual_ptr.dtype.element_ty), inside)
            slopes += tl.sum(slope, axis=0)
            products += tl.sum(slope * normalized, axis=0)
    return slopes, products


@triton.jit
def sums_kernel(
    x_ptr, y_ptr, dy_ptr, dresidual_ptr, scale_ptr, shift_ptr, mean_ptr, rstd_ptr, sums_ptr, plane, width, channels,
    RESIDUAL: tl.constexpr, RELU: tl.constexpr, SIDE: tl.constexpr, MAX: tl.constexpr,
    SPLITS: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Write the two sums of every chunk to `sums` [N, SPLITS, 2, C]: gradients of shift and scale, before summing."""
    row, split, channel, exists = _place(tl.program_id(0), channels, SPLITS, CHANNELS)
    known = channel < channels
    mean = tl.load(mean_ptr + row * channels + channel, known, other=0.0)
    rstd = tl.load(rstd_ptr + row * channels + channel, known, other=0.0)
    scale = tl.load(scale_ptr + channel, known, other=0.0)
    shift = tl.load(shift_ptr + channel, known, other=0.0)
    windows = plane // (SIDE * SIDE)
    chunk = tl.cdiv(windows, SPLITS)
    last = tl.minimum((split + 1) * chunk, windows)
    slopes, products = _chunk_sums(
        x_ptr + row * plane * channels, y_ptr + row * plane * channels, dy_ptr + row * windows * channels,
        dresidual_ptr + row * plane * channels, mean, rstd, scale, shift, channel, exists, channels, width,
        split * chunk, last, RESIDUAL, RELU, SIDE, MAX, PIXELS, CHANNELS,
    )  # fmt: skip
    at = sums_ptr + (row * SPLITS + split) * 2 * channels + channel
    tl.store(at, slopes, known)
    tl.store(at + channels, products, known)


@triton.jit
def backward_kernel(
    x_ptr, y_ptr, dy_ptr, dresidual_ptr, scale_ptr, shift_ptr, mean_ptr, rstd_ptr, sums_ptr, dx_ptr,
    plane, width, channels,
    RESIDUAL: tl.constexpr, RELU: tl.constexpr, SIDE: tl.constexpr, MAX: tl.constexpr,
    SPLITS: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Write the gradient of the input to `dx`; where a plane is one program's, its sums and the residual's as well."""
    program = tl.num_programs(0) - 1 - tl.program_id(0)
    row, split, channel, exists = _place(program, channels, SPLITS, CHANNELS)
    known = channel < channels
    mean = tl.load(mean_ptr + row * channels + channel, known, other=0.0)
    rstd = tl.load(rstd_ptr + row * channels + channel, known, other=0.0)
    scale = tl.load(scale_ptr + channel, known, other=0.0)
    shift = tl.load(shift_ptr + channel, known, other=0.0)
    AREA: tl.constexpr = SIDE * SIDE
    WINDOWS: tl.constexpr = PIXELS // AREA
    windows = plane // AREA
    x_ptr += row * plane * channels
    y_ptr += row * plane * channels
    dx_ptr += row * plane * channels
    dresidual_ptr += row * plane * channels
    dy_ptr += row * windows * channels
    if SPLITS == 1:
        slopes, products = _chunk_sums(
            x_ptr, y_ptr, dy_ptr, dresidual_ptr, mean, rstd, scale, shift, channel, exists, channels, width,
            0, windows, RESIDUAL, RELU, SIDE, MAX, PIXELS, CHANNELS,
        )  # fmt: skip
        tl.store(sums_ptr + row * 2 * channels + channel, slopes, known)
        tl.store(sums_ptr + (row * 2 + 1) * channels + channel, products, known)
    else:
        at_slopes, at_products = _pairs(sums_ptr, row, channel, channels, SPLITS)
        slopes = tl.sum(tl.load(at_slopes, exists, other=0.0), axis=0)
        products = tl.sum(tl.load(at_products, exists, other=0.0), axis=0)
    slopes = slopes / plane
    products = products / plane

    chunk = tl.cdiv(windows, SPLITS)
    last = tl.minimum((split + 1) * chunk, windows)
    for start in range(split * chunk, last, WINDOWS):
        window = start + tl.arange(0, WINDOWS)
        inside = (window < last)[:, None] & exists
        dy = tl.load(dy_ptr + window[:, None] * channels + channel[None, :], inside, other=0.0).to(tl.float32)
        winner = _first_maximum(x_ptr, window, inside, width, channel, channels, mean, rstd, scale, shift, SIDE, MAX)
        for k in tl.static_range(AREA):
            at = _pixel(window, width, k, SIDE)[:, None] * channels + channel[None, :]
            normalized = _normalized(x_ptr, at, inside, mean, rstd)
            slope = _slope(dy, normalized, y_ptr, at, inside, scale, shift, winner, k, RESIDUAL, RELU, SIDE, MAX)
            dx = (slope - slopes[None, :] - normalized * products[None, :]) * (rstd * scale)[None, :]
            tl.store(dx_ptr + at, dx.to(dx_ptr.dtype.element_ty), inside)
