from enum import StrEnum


class EntryKind(StrEnum):
    CORRECTION = "correction"
    OPENING = "opening"
    TOP_UP = "top_up"
    USAGE = "usage"

    def __str__(self) -> str:
        return str(self.value)
