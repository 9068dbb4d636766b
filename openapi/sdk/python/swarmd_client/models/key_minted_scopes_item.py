from enum import StrEnum


class KeyMintedScopesItem(StrEnum):
    ADMIN = "admin"
    READ = "read"
    RUN = "run"

    def __str__(self) -> str:
        return str(self.value)
