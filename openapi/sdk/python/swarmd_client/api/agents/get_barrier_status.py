from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.barrier_out import BarrierOut
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    barrier_id: str,
    *,
    orchestrator_id: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["orchestrator_id"] = orchestrator_id

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/agents/barrier-status/{barrier_id}".format(
            barrier_id=quote(str(barrier_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> BarrierOut | Problem | None:
    if response.status_code == 200:
        response_200 = BarrierOut.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = Problem.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Problem.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = Problem.from_dict(response.json())

        return response_404

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


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[BarrierOut | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response)
        if response.is_success or "json" in response.headers.get("Content-Type", "")
        else None,
    )


def sync_detailed(
    barrier_id: str,
    *,
    client: AuthenticatedClient,
    orchestrator_id: str | Unset = UNSET,
) -> Response[BarrierOut | Problem]:
    """Get Barrier Status

     Get the newest run of a barrier, of any orchestrator unless `orchestrator_id` narrows.

    Args:
        barrier_id (str):
        orchestrator_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BarrierOut | Problem]
    """

    kwargs = _get_kwargs(
        barrier_id=barrier_id,
        orchestrator_id=orchestrator_id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    barrier_id: str,
    *,
    client: AuthenticatedClient,
    orchestrator_id: str | Unset = UNSET,
) -> BarrierOut | Problem | None:
    """Get Barrier Status

     Get the newest run of a barrier, of any orchestrator unless `orchestrator_id` narrows.

    Args:
        barrier_id (str):
        orchestrator_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BarrierOut | Problem
    """

    return sync_detailed(
        barrier_id=barrier_id,
        client=client,
        orchestrator_id=orchestrator_id,
    ).parsed


async def asyncio_detailed(
    barrier_id: str,
    *,
    client: AuthenticatedClient,
    orchestrator_id: str | Unset = UNSET,
) -> Response[BarrierOut | Problem]:
    """Get Barrier Status

     Get the newest run of a barrier, of any orchestrator unless `orchestrator_id` narrows.

    Args:
        barrier_id (str):
        orchestrator_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BarrierOut | Problem]
    """

    kwargs = _get_kwargs(
        barrier_id=barrier_id,
        orchestrator_id=orchestrator_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    barrier_id: str,
    *,
    client: AuthenticatedClient,
    orchestrator_id: str | Unset = UNSET,
) -> BarrierOut | Problem | None:
    """Get Barrier Status

     Get the newest run of a barrier, of any orchestrator unless `orchestrator_id` narrows.

    Args:
        barrier_id (str):
        orchestrator_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BarrierOut | Problem
    """

    return (
        await asyncio_detailed(
            barrier_id=barrier_id,
            client=client,
            orchestrator_id=orchestrator_id,
        )
    ).parsed
