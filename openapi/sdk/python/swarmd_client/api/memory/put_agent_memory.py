from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.memory_out import MemoryOut
from ...models.memory_put import MemoryPut
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    agent_id: str,
    key: str,
    *,
    body: MemoryPut,
    if_match: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(if_match, Unset):
        headers["If-Match"] = if_match

    if not isinstance(if_none_match, Unset):
        headers["If-None-Match"] = if_none_match

    _kwargs: dict[str, Any] = {
        "method": "put",
        "url": "/v1/agents/{agent_id}/memory/{key}".format(
            agent_id=quote(str(agent_id), safe=""),
            key=quote(str(key), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> MemoryOut | Problem | None:
    if response.status_code == 200:
        response_200 = MemoryOut.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = Problem.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = Problem.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Problem.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = Problem.from_dict(response.json())

        return response_404

    if response.status_code == 409:
        response_409 = Problem.from_dict(response.json())

        return response_409

    if response.status_code == 412:
        response_412 = Problem.from_dict(response.json())

        return response_412

    if response.status_code == 413:
        response_413 = Problem.from_dict(response.json())

        return response_413

    if response.status_code == 422:
        response_422 = Problem.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = Problem.from_dict(response.json())

        return response_429

    if response.status_code == 500:
        response_500 = Problem.from_dict(response.json())

        return response_500

    if response.status_code == 503:
        response_503 = Problem.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[MemoryOut | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response)
        if response.is_success or "json" in response.headers.get("Content-Type", "")
        else None,
    )


def sync_detailed(
    agent_id: str,
    key: str,
    *,
    client: AuthenticatedClient,
    body: MemoryPut,
    if_match: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[MemoryOut | Problem]:
    """Put Agent Memory

     Write one entry, durable before the answer. The memory is bounded: what was written longest ago
    makes room.

    Where the entry has another version than `if_version`: 409; than `If-Match` or `If-None-Match` say:
    412.

    Args:
        agent_id (str):
        key (str): Of the entry
        if_match (str | Unset): The ETag that the entry must have
        if_none_match (str | Unset): `*`: there must be no such key
        body (MemoryPut):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[MemoryOut | Problem]
    """

    kwargs = _get_kwargs(
        agent_id=agent_id,
        key=key,
        body=body,
        if_match=if_match,
        if_none_match=if_none_match,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    agent_id: str,
    key: str,
    *,
    client: AuthenticatedClient,
    body: MemoryPut,
    if_match: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> MemoryOut | Problem | None:
    """Put Agent Memory

     Write one entry, durable before the answer. The memory is bounded: what was written longest ago
    makes room.

    Where the entry has another version than `if_version`: 409; than `If-Match` or `If-None-Match` say:
    412.

    Args:
        agent_id (str):
        key (str): Of the entry
        if_match (str | Unset): The ETag that the entry must have
        if_none_match (str | Unset): `*`: there must be no such key
        body (MemoryPut):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        MemoryOut | Problem
    """

    return sync_detailed(
        agent_id=agent_id,
        key=key,
        client=client,
        body=body,
        if_match=if_match,
        if_none_match=if_none_match,
    ).parsed


async def asyncio_detailed(
    agent_id: str,
    key: str,
    *,
    client: AuthenticatedClient,
    body: MemoryPut,
    if_match: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[MemoryOut | Problem]:
    """Put Agent Memory

     Write one entry, durable before the answer. The memory is bounded: what was written longest ago
    makes room.

    Where the entry has another version than `if_version`: 409; than `If-Match` or `If-None-Match` say:
    412.

    Args:
        agent_id (str):
        key (str): Of the entry
        if_match (str | Unset): The ETag that the entry must have
        if_none_match (str | Unset): `*`: there must be no such key
        body (MemoryPut):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[MemoryOut | Problem]
    """

    kwargs = _get_kwargs(
        agent_id=agent_id,
        key=key,
        body=body,
        if_match=if_match,
        if_none_match=if_none_match,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    agent_id: str,
    key: str,
    *,
    client: AuthenticatedClient,
    body: MemoryPut,
    if_match: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> MemoryOut | Problem | None:
    """Put Agent Memory

     Write one entry, durable before the answer. The memory is bounded: what was written longest ago
    makes room.

    Where the entry has another version than `if_version`: 409; than `If-Match` or `If-None-Match` say:
    412.

    Args:
        agent_id (str):
        key (str): Of the entry
        if_match (str | Unset): The ETag that the entry must have
        if_none_match (str | Unset): `*`: there must be no such key
        body (MemoryPut):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        MemoryOut | Problem
    """

    return (
        await asyncio_detailed(
            agent_id=agent_id,
            key=key,
            client=client,
            body=body,
            if_match=if_match,
            if_none_match=if_none_match,
        )
    ).parsed
