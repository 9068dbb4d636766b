from enum import StrEnum


class ListArtifactsVersions(StrEnum):
    ALL = "all"
    NEWEST = "newest"

    def __str__(self) -> str:
        return str(self.value)
