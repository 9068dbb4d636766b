from enum import StrEnum


class BudgetInOnExceededType0(StrEnum):
    FAIL = "fail"
    PAUSE = "pause"

    def __str__(self) -> str:
        return str(self.value)
