"""nn.Module -> Network through torch.export. The only room besides nn and zoo that uses torch."""

from __future__ import annotations

from symgauge.capture.captured import Captured, capture, capture_field, capture_with_statistics
from symgauge.capture.skeleton import build_without_weights, without_weights
from symgauge.capture.target import Target, load_function, load_target, resolve_target

__all__ = [
    "Captured", "Target", "capture", "capture_field", "capture_with_statistics",
    "load_function", "load_target", "resolve_target", "build_without_weights", "without_weights",
]
