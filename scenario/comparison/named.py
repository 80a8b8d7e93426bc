"""A run by the name that the page calls it by."""

from dataclasses import dataclass

from scenario.result import Figures


@dataclass(frozen=True, slots=True)
class Named:
    """`name` is short, and of no other run on the page: "predicted", "measured", "synchronous"."""

    name: str
    figures: Figures
