from enum import StrEnum


class DeliveryOutType(StrEnum):
    AGGREGATE_COMPLETED = "aggregate_completed"
    CHECKPOINT = "checkpoint"
    SWARM_COMPLETED = "swarm_completed"
    SWARM_PAUSED = "swarm_paused"

    def __str__(self) -> str:
        return str(self.value)
