from enum import StrEnum


class ExportSwarmKind(StrEnum):
    ATTEMPTS = "attempts"
    EVENTS = "events"
    METRICS = "metrics"
    TASKS = "tasks"

    def __str__(self) -> str:
        return str(self.value)
