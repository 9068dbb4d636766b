from enum import StrEnum


class AggregateInWeightsType0(StrEnum):
    CONFIDENCE = "confidence"
    SCORE = "score"
    TASK = "task"

    def __str__(self) -> str:
        return str(self.value)
