from enum import StrEnum


class SwarmStatus(StrEnum):
    AGGREGATING = "aggregating"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    FAILED = "failed"
    PARTIAL = "partial"
    PAUSED = "paused"
    PLANNING = "planning"
    RUNNING = "running"

    def __str__(self) -> str:
        return str(self.value)
