from enum import StrEnum


class BatchExecuteMemoryStrategyType0(StrEnum):
    CHECKPOINT = "checkpoint"
    FULL = "full"

    def __str__(self) -> str:
        return str(self.value)
