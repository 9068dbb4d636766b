from enum import StrEnum


class SwarmCreatePlannerType0(StrEnum):
    ORCHESTRATOR = "orchestrator"
    SUPERVISOR = "supervisor"

    def __str__(self) -> str:
        return str(self.value)
