from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.swarm_out import SwarmOut
from ...types import UNSET, Response, Unset


def _get_kwargs(
    swarm_id: str,
    *,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/swarms/{swarm_id}/resume".format(
            swarm_id=quote(str(swarm_id), safe=""),
        ),
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Problem | SwarmOut | None:
    if response.status_code == 202:
        response_202 = SwarmOut.from_dict(response.json())

        return response_202

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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Problem | SwarmOut]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response)
        if response.is_success or "json" in response.headers.get("Content-Type", "")
        else None,
    )


def sync_detailed(
    swarm_id: str,
    *,
    client: AuthenticatedClient,
    idempotency_key: str | Unset = UNSET,
) -> Response[Problem | SwarmOut]:
    """Resume Swarm

     Let a paused run go on; one that its budget paused needs a raised budget (PATCH), else it pauses
    again.

    Args:
        swarm_id (str):
        idempotency_key (str | Unset): Taken, but not needed: this request can be repeated as it
            is

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | SwarmOut]
    """

    kwargs = _get_kwargs(
        swarm_id=swarm_id,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    swarm_id: str,
    *,
    client: AuthenticatedClient,
    idempotency_key: str | Unset = UNSET,
) -> Problem | SwarmOut | None:
    """Resume Swarm

     Let a paused run go on; one that its budget paused needs a raised budget (PATCH), else it pauses
    again.

    Args:
        swarm_id (str):
        idempotency_key (str | Unset): Taken, but not needed: this request can be repeated as it
            is

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | SwarmOut
    """

    return sync_detailed(
        swarm_id=swarm_id,
        client=client,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    swarm_id: str,
    *,
    client: AuthenticatedClient,
    idempotency_key: str | Unset = UNSET,
) -> Response[Problem | SwarmOut]:
    """Resume Swarm

     Let a paused run go on; one that its budget paused needs a raised budget (PATCH), else it pauses
    again.

    Args:
        swarm_id (str):
        idempotency_key (str | Unset): Taken, but not needed: this request can be repeated as it
            is

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | SwarmOut]
    """

    kwargs = _get_kwargs(
        swarm_id=swarm_id,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    swarm_id: str,
    *,
    client: AuthenticatedClient,
    idempotency_key: str | Unset = UNSET,
) -> Problem | SwarmOut | None:
    """Resume Swarm

     Let a paused run go on; one that its budget paused needs a raised budget (PATCH), else it pauses
    again.

    Args:
        swarm_id (str):
        idempotency_key (str | Unset): Taken, but not needed: this request can be repeated as it
            is

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | SwarmOut
    """

    return (
        await asyncio_detailed(
            swarm_id=swarm_id,
            client=client,
            idempotency_key=idempotency_key,
        )
    ).parsed
