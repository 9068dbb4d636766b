from enum import StrEnum


class SwarmInPagePauseReasonType0(StrEnum):
    BUDGET = "budget"
    CREDITS = "credits"
    KEY_BUDGET = "key_budget"
    REQUEST = "request"
    START_AT = "start_at"

    def __str__(self) -> str:
        return str(self.value)
