"""TensorFlow's padding "same" as a constant, for maps whose sides have a known divisor."""

from __future__ import annotations

import torch
from torch import nn


def fix_paddings(network: nn.Module) -> int:
    """Give convolutions that pad by the size of their input a padding that is a constant; in place.

    A convolution of kernel k and stride s pads k - s pixels in all, the odd one at the end, if s divides the side of
    its input. lite0's crops have sides of multiples of 32, its largest stride, so that it always does. Then the answer
    is the same bit for bit, and ONNX Runtime joins such a padding with its convolution, which takes a fifth of the time
    of a pass away (python -m tests.measure_backends paddings).

    Returns:
        The number of convolutions.
    """
    # Imported here: timm takes seconds, which processes that build no network need not spend.
    from timm.layers.conv2d_same import Conv2dSame

    num_fixed = 0
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Conv2dSame):
                setattr(parent, name, _padded(child))
                num_fixed += 1
    return num_fixed


def _padded(conv: nn.Conv2d) -> nn.Sequential:
    kernel, stride = conv.kernel_size[0], conv.stride[0]  # squares, in timm's EfficientNet
    before = (kernel - stride) // 2
    after = kernel - stride - before
    with torch.device("meta"):  # no weights, which would take random numbers
        bare = nn.Conv2d(
            conv.in_channels,
            conv.out_channels,
            kernel,
            stride,
            groups=conv.groups,
            bias=conv.bias is not None,
        )
    bare.load_state_dict(conv.state_dict(), assign=True)
    return nn.Sequential(nn.ZeroPad2d((before, after, before, after)), bare).train(conv.training)
