import datetime
from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.swarm_page import SwarmPage
from ...models.swarm_status import SwarmStatus
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    status: SwarmStatus | Unset = UNSET,
    agent: str | Unset = UNSET,
    name: str | Unset = UNSET,
    created_after: datetime.datetime | Unset = UNSET,
    created_before: datetime.datetime | Unset = UNSET,
    figures: bool | Unset = False,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_status: str | Unset = UNSET
    if not isinstance(status, Unset):
        json_status = status.value

    params["status"] = json_status

    params["agent"] = agent

    params["name"] = name

    json_created_after: str | Unset = UNSET
    if not isinstance(created_after, Unset):
        json_created_after = created_after.isoformat()
    params["created_after"] = json_created_after

    json_created_before: str | Unset = UNSET
    if not isinstance(created_before, Unset):
        json_created_before = created_before.isoformat()
    params["created_before"] = json_created_before

    params["figures"] = figures

    params["limit"] = limit

    params["cursor"] = cursor

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/swarms",
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Problem | SwarmPage | None:
    if response.status_code == 200:
        response_200 = SwarmPage.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = Problem.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Problem.from_dict(response.json())

        return response_403

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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Problem | SwarmPage]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response)
        if response.is_success or "json" in response.headers.get("Content-Type", "")
        else None,
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    status: SwarmStatus | Unset = UNSET,
    agent: str | Unset = UNSET,
    name: str | Unset = UNSET,
    created_after: datetime.datetime | Unset = UNSET,
    created_before: datetime.datetime | Unset = UNSET,
    figures: bool | Unset = False,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Response[Problem | SwarmPage]:
    """List Swarms

     List the runs, newest first.

    Args:
        status (SwarmStatus | Unset):
        agent (str | Unset):
        name (str | Unset):
        created_after (datetime.datetime | Unset):
        created_before (datetime.datetime | Unset):
        figures (bool | Unset): `true`: with `p95_ms`, which reads the tasks of each run Default:
            False.
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | SwarmPage]
    """

    kwargs = _get_kwargs(
        status=status,
        agent=agent,
        name=name,
        created_after=created_after,
        created_before=created_before,
        figures=figures,
        limit=limit,
        cursor=cursor,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    status: SwarmStatus | Unset = UNSET,
    agent: str | Unset = UNSET,
    name: str | Unset = UNSET,
    created_after: datetime.datetime | Unset = UNSET,
    created_before: datetime.datetime | Unset = UNSET,
    figures: bool | Unset = False,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Problem | SwarmPage | None:
    """List Swarms

     List the runs, newest first.

    Args:
        status (SwarmStatus | Unset):
        agent (str | Unset):
        name (str | Unset):
        created_after (datetime.datetime | Unset):
        created_before (datetime.datetime | Unset):
        figures (bool | Unset): `true`: with `p95_ms`, which reads the tasks of each run Default:
            False.
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | SwarmPage
    """

    return sync_detailed(
        client=client,
        status=status,
        agent=agent,
        name=name,
        created_after=created_after,
        created_before=created_before,
        figures=figures,
        limit=limit,
        cursor=cursor,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    status: SwarmStatus | Unset = UNSET,
    agent: str | Unset = UNSET,
    name: str | Unset = UNSET,
    created_after: datetime.datetime | Unset = UNSET,
    created_before: datetime.datetime | Unset = UNSET,
    figures: bool | Unset = False,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Response[Problem | SwarmPage]:
    """List Swarms

     List the runs, newest first.

    Args:
        status (SwarmStatus | Unset):
        agent (str | Unset):
        name (str | Unset):
        created_after (datetime.datetime | Unset):
        created_before (datetime.datetime | Unset):
        figures (bool | Unset): `true`: with `p95_ms`, which reads the tasks of each run Default:
            False.
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | SwarmPage]
    """

    kwargs = _get_kwargs(
        status=status,
        agent=agent,
        name=name,
        created_after=created_after,
        created_before=created_before,
        figures=figures,
        limit=limit,
        cursor=cursor,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    status: SwarmStatus | Unset = UNSET,
    agent: str | Unset = UNSET,
    name: str | Unset = UNSET,
    created_after: datetime.datetime | Unset = UNSET,
    created_before: datetime.datetime | Unset = UNSET,
    figures: bool | Unset = False,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Problem | SwarmPage | None:
    """List Swarms

     List the runs, newest first.

    Args:
        status (SwarmStatus | Unset):
        agent (str | Unset):
        name (str | Unset):
        created_after (datetime.datetime | Unset):
        created_before (datetime.datetime | Unset):
        figures (bool | Unset): `true`: with `p95_ms`, which reads the tasks of each run Default:
            False.
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | SwarmPage
    """

    return (
        await asyncio_detailed(
            client=client,
            status=status,
            agent=agent,
            name=name,
            created_after=created_after,
            created_before=created_before,
            figures=figures,
            limit=limit,
            cursor=cursor,
        )
    ).parsed
