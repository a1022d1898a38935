"""Between what a number of the configuration has to lie, written beside its type."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

__all__ = ["Count", "NotNegative", "Positive", "PositiveCount", "Range", "Share"]


@dataclass(frozen=True)
class Range:
    """From `least`, or only above it, to `most`; never NaN or infinite."""

    least: float
    most: float = math.inf
    above: bool = False

    def __contains__(self, value: float) -> bool:
        is_inside = self.least <= value <= self.most and math.isfinite(value)
        return is_inside and not (self.above and value == self.least)

    def __str__(self) -> str:
        low = f"{'above' if self.above else 'at least'} {self.least:g}"
        return f"{low}, finite" if self.most == math.inf else f"{low}, at most {self.most:g}"


Share = Annotated[float, Range(0, 1)]
NotNegative = Annotated[float, Range(0)]
Positive = Annotated[float, Range(0, above=True)]
Count = Annotated[int, Range(0)]
PositiveCount = Annotated[int, Range(1)]
