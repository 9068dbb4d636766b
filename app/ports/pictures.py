"""Images and videos on their way to a model: ids of uploaded files become data URIs, only while the call is made."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from app.domain.errors import SwarmdError
from app.ports.provider import JsonObject


class PictureUnavailable(SwarmdError):
    """An uploaded image or video cannot be sent: it was deleted, is none, or there are too many bytes of them."""

    code = "picture_unavailable"


class TextOnlyModel(PictureUnavailable):
    """The model reads no images or videos."""

    code = "text_only_model"

    def __init__(self, model: str) -> None:
        super().__init__(f"the model {model!r} reads text only, no images or videos; choose one that does")


class Pictures(Protocol):
    def sendable(
        self, tenant_id: str, messages: Sequence[JsonObject]
    ) -> AbstractAsyncContextManager[Sequence[JsonObject]]:
        """Return the messages with the content of each upload that they name by its id.

        Memory is bounded: further calls wait while many such bytes are on their way; leaving the context gives room.

        Raises:
            PictureUnavailable: see there.
        """
        ...
