from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.task_page import TaskPage
from ...models.task_status import TaskStatus
from ...types import UNSET, Response, Unset


def _get_kwargs(
    swarm_id: str,
    *,
    state: TaskStatus | Unset = UNSET,
    role: str | Unset = UNSET,
    attempt: int | Unset = UNSET,
    error: str | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_state: str | Unset = UNSET
    if not isinstance(state, Unset):
        json_state = state.value

    params["state"] = json_state

    params["role"] = role

    params["attempt"] = attempt

    params["error"] = error

    params["limit"] = limit

    params["cursor"] = cursor

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/swarms/{swarm_id}/tasks".format(
            swarm_id=quote(str(swarm_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Problem | TaskPage | None:
    if response.status_code == 200:
        response_200 = TaskPage.from_dict(response.json())

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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Problem | TaskPage]:
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
    state: TaskStatus | Unset = UNSET,
    role: str | Unset = UNSET,
    attempt: int | Unset = UNSET,
    error: str | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Response[Problem | TaskPage]:
    """List Tasks

     List the tasks of a run in the order of the request.

    Args:
        swarm_id (str):
        state (TaskStatus | Unset):
        role (str | Unset):
        attempt (int | Unset): Attempts started
        error (str | Unset): Machine name of the error
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | TaskPage]
    """

    kwargs = _get_kwargs(
        swarm_id=swarm_id,
        state=state,
        role=role,
        attempt=attempt,
        error=error,
        limit=limit,
        cursor=cursor,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    swarm_id: str,
    *,
    client: AuthenticatedClient,
    state: TaskStatus | Unset = UNSET,
    role: str | Unset = UNSET,
    attempt: int | Unset = UNSET,
    error: str | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Problem | TaskPage | None:
    """List Tasks

     List the tasks of a run in the order of the request.

    Args:
        swarm_id (str):
        state (TaskStatus | Unset):
        role (str | Unset):
        attempt (int | Unset): Attempts started
        error (str | Unset): Machine name of the error
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | TaskPage
    """

    return sync_detailed(
        swarm_id=swarm_id,
        client=client,
        state=state,
        role=role,
        attempt=attempt,
        error=error,
        limit=limit,
        cursor=cursor,
    ).parsed


async def asyncio_detailed(
    swarm_id: str,
    *,
    client: AuthenticatedClient,
    state: TaskStatus | Unset = UNSET,
    role: str | Unset = UNSET,
    attempt: int | Unset = UNSET,
    error: str | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Response[Problem | TaskPage]:
    """List Tasks

     List the tasks of a run in the order of the request.

    Args:
        swarm_id (str):
        state (TaskStatus | Unset):
        role (str | Unset):
        attempt (int | Unset): Attempts started
        error (str | Unset): Machine name of the error
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | TaskPage]
    """

    kwargs = _get_kwargs(
        swarm_id=swarm_id,
        state=state,
        role=role,
        attempt=attempt,
        error=error,
        limit=limit,
        cursor=cursor,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    swarm_id: str,
    *,
    client: AuthenticatedClient,
    state: TaskStatus | Unset = UNSET,
    role: str | Unset = UNSET,
    attempt: int | Unset = UNSET,
    error: str | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Problem | TaskPage | None:
    """List Tasks

     List the tasks of a run in the order of the request.

    Args:
        swarm_id (str):
        state (TaskStatus | Unset):
        role (str | Unset):
        attempt (int | Unset): Attempts started
        error (str | Unset): Machine name of the error
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | TaskPage
    """

    return (
        await asyncio_detailed(
            swarm_id=swarm_id,
            client=client,
            state=state,
            role=role,
            attempt=attempt,
            error=error,
            limit=limit,
            cursor=cursor,
        )
    ).parsed
