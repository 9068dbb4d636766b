from enum import StrEnum


class CancelTasksStatesType0Item(StrEnum):
    QUEUED = "queued"
    RETRYING = "retrying"
    RUNNING = "running"
    WAITING = "waiting"

    def __str__(self) -> str:
        return str(self.value)
