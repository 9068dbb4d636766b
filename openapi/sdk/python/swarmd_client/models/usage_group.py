from enum import StrEnum


class UsageGroup(StrEnum):
    DAY = "day"
    KEY = "key"
    MODEL = "model"
    SWARM = "swarm"

    def __str__(self) -> str:
        return str(self.value)
