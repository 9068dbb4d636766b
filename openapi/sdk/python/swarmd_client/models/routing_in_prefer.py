from enum import StrEnum


class RoutingInPrefer(StrEnum):
    CHEAPEST = "cheapest"
    FIRST = "first"

    def __str__(self) -> str:
        return str(self.value)
