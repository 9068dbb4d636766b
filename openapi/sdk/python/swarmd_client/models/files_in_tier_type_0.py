from enum import StrEnum


class FilesInTierType0(StrEnum):
    INSTANT = "instant"
    LIGHT = "light"
    THINKING = "thinking"

    def __str__(self) -> str:
        return str(self.value)
