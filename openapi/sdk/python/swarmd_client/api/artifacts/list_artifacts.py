from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.artifact_page import ArtifactPage
from ...models.list_artifacts_versions import ListArtifactsVersions
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    swarm_id: str,
    *,
    task_id: str | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
    versions: ListArtifactsVersions | Unset = ListArtifactsVersions.NEWEST,
    name: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["task_id"] = task_id

    params["limit"] = limit

    params["cursor"] = cursor

    json_versions: str | Unset = UNSET
    if not isinstance(versions, Unset):
        json_versions = versions.value

    params["versions"] = json_versions

    params["name"] = name

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/swarms/{swarm_id}/artifacts".format(
            swarm_id=quote(str(swarm_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> ArtifactPage | Problem | None:
    if response.status_code == 200:
        response_200 = ArtifactPage.from_dict(response.json())

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
) -> Response[ArtifactPage | Problem]:
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
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
    versions: ListArtifactsVersions | Unset = ListArtifactsVersions.NEWEST,
    name: str | Unset = UNSET,
) -> Response[ArtifactPage | Problem]:
    """List Artifacts

     List the newest version of every artifact of a run, by name; with `task_id` the newest that this
    task saved.

    Args:
        swarm_id (str):
        task_id (str | Unset): Only what this task saved
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before
        versions (ListArtifactsVersions | Unset): `all`: every version of a name, the newest first
            Default: ListArtifactsVersions.NEWEST.
        name (str | Unset): With `versions=all`: only this name

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ArtifactPage | Problem]
    """

    kwargs = _get_kwargs(
        swarm_id=swarm_id,
        task_id=task_id,
        limit=limit,
        cursor=cursor,
        versions=versions,
        name=name,
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
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
    versions: ListArtifactsVersions | Unset = ListArtifactsVersions.NEWEST,
    name: str | Unset = UNSET,
) -> ArtifactPage | Problem | None:
    """List Artifacts

     List the newest version of every artifact of a run, by name; with `task_id` the newest that this
    task saved.

    Args:
        swarm_id (str):
        task_id (str | Unset): Only what this task saved
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before
        versions (ListArtifactsVersions | Unset): `all`: every version of a name, the newest first
            Default: ListArtifactsVersions.NEWEST.
        name (str | Unset): With `versions=all`: only this name

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ArtifactPage | Problem
    """

    return sync_detailed(
        swarm_id=swarm_id,
        client=client,
        task_id=task_id,
        limit=limit,
        cursor=cursor,
        versions=versions,
        name=name,
    ).parsed


async def asyncio_detailed(
    swarm_id: str,
    *,
    client: AuthenticatedClient,
    task_id: str | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
    versions: ListArtifactsVersions | Unset = ListArtifactsVersions.NEWEST,
    name: str | Unset = UNSET,
) -> Response[ArtifactPage | Problem]:
    """List Artifacts

     List the newest version of every artifact of a run, by name; with `task_id` the newest that this
    task saved.

    Args:
        swarm_id (str):
        task_id (str | Unset): Only what this task saved
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before
        versions (ListArtifactsVersions | Unset): `all`: every version of a name, the newest first
            Default: ListArtifactsVersions.NEWEST.
        name (str | Unset): With `versions=all`: only this name

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ArtifactPage | Problem]
    """

    kwargs = _get_kwargs(
        swarm_id=swarm_id,
        task_id=task_id,
        limit=limit,
        cursor=cursor,
        versions=versions,
        name=name,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    swarm_id: str,
    *,
    client: AuthenticatedClient,
    task_id: str | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
    versions: ListArtifactsVersions | Unset = ListArtifactsVersions.NEWEST,
    name: str | Unset = UNSET,
) -> ArtifactPage | Problem | None:
    """List Artifacts

     List the newest version of every artifact of a run, by name; with `task_id` the newest that this
    task saved.

    Args:
        swarm_id (str):
        task_id (str | Unset): Only what this task saved
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before
        versions (ListArtifactsVersions | Unset): `all`: every version of a name, the newest first
            Default: ListArtifactsVersions.NEWEST.
        name (str | Unset): With `versions=all`: only this name

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ArtifactPage | Problem
    """

    return (
        await asyncio_detailed(
            swarm_id=swarm_id,
            client=client,
            task_id=task_id,
            limit=limit,
            cursor=cursor,
            versions=versions,
            name=name,
        )
    ).parsed
