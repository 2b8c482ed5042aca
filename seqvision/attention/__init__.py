"""Attention: soft attention over a feature map."""

from seqvision.attention.soft import AdditiveAttention, DotAttention, SoftAttention

__all__ = ["SoftAttention", "AdditiveAttention", "DotAttention"]
