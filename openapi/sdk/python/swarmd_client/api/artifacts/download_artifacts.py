from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...types import UNSET, File, Response, Unset


def _get_kwargs(
    swarm_id: str,
    *,
    task_id: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["task_id"] = task_id

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/swarms/{swarm_id}/artifacts.zip".format(
            swarm_id=quote(str(swarm_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> File | Problem | None:
    if response.status_code == 200:
        response_200 = File(payload=BytesIO(response.content))

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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[File | Problem]:
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
    task_id: str | Unset = UNSET,
) -> Response[File | Problem]:
    """Download Artifacts

     Download the newest version of every artifact of a run in one zip archive; names are made safe to
    unpack.

    Of a name that several tasks saved it holds what each of them saved last, in a folder of the task's
    id.

    Args:
        swarm_id (str):
        task_id (str | Unset): Only what this task saved

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[File | Problem]
    """

    kwargs = _get_kwargs(
        swarm_id=swarm_id,
        task_id=task_id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    swarm_id: str,
    *,
    client: AuthenticatedClient,
    task_id: str | Unset = UNSET,
) -> File | Problem | None:
    """Download Artifacts

     Download the newest version of every artifact of a run in one zip archive; names are made safe to
    unpack.

    Of a name that several tasks saved it holds what each of them saved last, in a folder of the task's
    id.

    Args:
        swarm_id (str):
        task_id (str | Unset): Only what this task saved

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        File | Problem
    """

    return sync_detailed(
        swarm_id=swarm_id,
        client=client,
        task_id=task_id,
    ).parsed


async def asyncio_detailed(
    swarm_id: str,
    *,
    client: AuthenticatedClient,
    task_id: str | Unset = UNSET,
) -> Response[File | Problem]:
    """Download Artifacts

     Download the newest version of every artifact of a run in one zip archive; names are made safe to
    unpack.

    Of a name that several tasks saved it holds what each of them saved last, in a folder of the task's
    id.

    Args:
        swarm_id (str):
        task_id (str | Unset): Only what this task saved

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[File | Problem]
    """

    kwargs = _get_kwargs(
        swarm_id=swarm_id,
        task_id=task_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    swarm_id: str,
    *,
    client: AuthenticatedClient,
    task_id: str | Unset = UNSET,
) -> File | Problem | None:
    """Download Artifacts

     Download the newest version of every artifact of a run in one zip archive; names are made safe to
    unpack.

    Of a name that several tasks saved it holds what each of them saved last, in a folder of the task's
    id.

    Args:
        swarm_id (str):
        task_id (str | Unset): Only what this task saved

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        File | Problem
    """

    return (
        await asyncio_detailed(
            swarm_id=swarm_id,
            client=client,
            task_id=task_id,
        )
    ).parsed
