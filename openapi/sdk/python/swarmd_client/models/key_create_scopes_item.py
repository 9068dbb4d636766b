from enum import StrEnum


class KeyCreateScopesItem(StrEnum):
    ADMIN = "admin"
    READ = "read"
    RUN = "run"

    def __str__(self) -> str:
        return str(self.value)
