from enum import StrEnum


class PriceOutSource(StrEnum):
    API = "api"
    CONFIG = "config"
    KEPT = "kept"

    def __str__(self) -> str:
        return str(self.value)
