from enum import StrEnum


class RetryTasksStatesItem(StrEnum):
    CANCELLED = "cancelled"
    FAILED = "failed"
    SKIPPED = "skipped"

    def __str__(self) -> str:
        return str(self.value)
