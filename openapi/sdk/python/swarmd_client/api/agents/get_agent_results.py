import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.agent_results import AgentResults
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    agent_id: str,
    *,
    timeout: float | Unset = 180.0,
    since: datetime.datetime | Unset = UNSET,
    limit: int | Unset = 1000,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["timeout"] = timeout

    json_since: str | Unset = UNSET
    if not isinstance(since, Unset):
        json_since = since.isoformat()
    params["since"] = json_since

    params["limit"] = limit

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/agents/{agent_id}/results".format(
            agent_id=quote(str(agent_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> AgentResults | Problem | None:
    if response.status_code == 200:
        response_200 = AgentResults.from_dict(response.json())

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
) -> Response[AgentResults | Problem]:
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
    *,
    client: AuthenticatedClient,
    timeout: float | Unset = 180.0,
    since: datetime.datetime | Unset = UNSET,
    limit: int | Unset = 1000,
) -> Response[AgentResults | Problem]:
    """Get Agent Results

     Wait until nothing of this orchestrator (or sub-agent) is outstanding or the time is up; then its
    outputs.

    Args:
        agent_id (str):
        timeout (float | Unset): Seconds to wait until nothing is outstanding Default: 180.0.
        since (datetime.datetime | Unset): Only tasks that ended at or after this time
        limit (int | Unset): Newest tasks at most Default: 1000.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AgentResults | Problem]
    """

    kwargs = _get_kwargs(
        agent_id=agent_id,
        timeout=timeout,
        since=since,
        limit=limit,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    agent_id: str,
    *,
    client: AuthenticatedClient,
    timeout: float | Unset = 180.0,
    since: datetime.datetime | Unset = UNSET,
    limit: int | Unset = 1000,
) -> AgentResults | Problem | None:
    """Get Agent Results

     Wait until nothing of this orchestrator (or sub-agent) is outstanding or the time is up; then its
    outputs.

    Args:
        agent_id (str):
        timeout (float | Unset): Seconds to wait until nothing is outstanding Default: 180.0.
        since (datetime.datetime | Unset): Only tasks that ended at or after this time
        limit (int | Unset): Newest tasks at most Default: 1000.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AgentResults | Problem
    """

    return sync_detailed(
        agent_id=agent_id,
        client=client,
        timeout=timeout,
        since=since,
        limit=limit,
    ).parsed


async def asyncio_detailed(
    agent_id: str,
    *,
    client: AuthenticatedClient,
    timeout: float | Unset = 180.0,
    since: datetime.datetime | Unset = UNSET,
    limit: int | Unset = 1000,
) -> Response[AgentResults | Problem]:
    """Get Agent Results

     Wait until nothing of this orchestrator (or sub-agent) is outstanding or the time is up; then its
    outputs.

    Args:
        agent_id (str):
        timeout (float | Unset): Seconds to wait until nothing is outstanding Default: 180.0.
        since (datetime.datetime | Unset): Only tasks that ended at or after this time
        limit (int | Unset): Newest tasks at most Default: 1000.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AgentResults | Problem]
    """

    kwargs = _get_kwargs(
        agent_id=agent_id,
        timeout=timeout,
        since=since,
        limit=limit,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    agent_id: str,
    *,
    client: AuthenticatedClient,
    timeout: float | Unset = 180.0,
    since: datetime.datetime | Unset = UNSET,
    limit: int | Unset = 1000,
) -> AgentResults | Problem | None:
    """Get Agent Results

     Wait until nothing of this orchestrator (or sub-agent) is outstanding or the time is up; then its
    outputs.

    Args:
        agent_id (str):
        timeout (float | Unset): Seconds to wait until nothing is outstanding Default: 180.0.
        since (datetime.datetime | Unset): Only tasks that ended at or after this time
        limit (int | Unset): Newest tasks at most Default: 1000.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AgentResults | Problem
    """

    return (
        await asyncio_detailed(
            agent_id=agent_id,
            client=client,
            timeout=timeout,
            since=since,
            limit=limit,
        )
    ).parsed
