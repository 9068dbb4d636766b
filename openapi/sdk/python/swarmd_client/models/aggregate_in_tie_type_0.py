from enum import StrEnum


class AggregateInTieType0(StrEnum):
    FIRST = "first"
    NONE = "none"

    def __str__(self) -> str:
        return str(self.value)
