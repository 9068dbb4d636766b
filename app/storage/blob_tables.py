"""The tables of file contents that stand in the database, where several nodes share it. Private to ``app.storage``."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table
from sqlmodel import Field, SQLModel


class Contents(SQLModel, table=True):
    """Contents by their SHA-256; ``content_id`` names the parts.

    ``taken_until_ms`` (the database's clock) is set while somebody is about to refer to a content; past that it is an
    open question whether anybody did.
    """

    __tablename__ = "contents"
    __table_args__ = (Index("contents_by_taking", "taken_until_ms"),)

    sha256: str = Field(primary_key=True)
    content_id: str
    taken_until_ms: int | None = Field(sa_column=Column(BigInteger, nullable=True))


class ContentParts(SQLModel, table=True):
    """What contents consist of, those that are being written included."""

    __tablename__ = "content_parts"

    content_id: str = Field(primary_key=True)
    part: int = Field(primary_key=True)
    octets: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


CONTENTS: Table = SQLModel.metadata.tables["contents"]
CONTENT_PARTS: Table = SQLModel.metadata.tables["content_parts"]
