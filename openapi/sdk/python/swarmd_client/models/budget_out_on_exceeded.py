from enum import StrEnum


class BudgetOutOnExceeded(StrEnum):
    FAIL = "fail"
    PAUSE = "pause"

    def __str__(self) -> str:
        return str(self.value)
