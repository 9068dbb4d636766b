from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.message_page import MessagePage
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    swarm_id: str,
    *,
    to: str | Unset = UNSET,
    topic: str | Unset = UNSET,
    consumer: str | Unset = UNSET,
    after: int | Unset = 0,
    cursor: str | Unset = UNSET,
    limit: int | Unset = 100,
    wait: float | Unset = 0.0,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["to"] = to

    params["topic"] = topic

    params["consumer"] = consumer

    params["after"] = after

    params["cursor"] = cursor

    params["limit"] = limit

    params["wait"] = wait

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/swarms/{swarm_id}/messages".format(
            swarm_id=quote(str(swarm_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> MessagePage | Problem | None:
    if response.status_code == 200:
        response_200 = MessagePage.from_dict(response.json())

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
) -> Response[MessagePage | Problem]:
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
    to: str | Unset = UNSET,
    topic: str | Unset = UNSET,
    consumer: str | Unset = UNSET,
    after: int | Unset = 0,
    cursor: str | Unset = UNSET,
    limit: int | Unset = 100,
    wait: float | Unset = 0.0,
) -> Response[MessagePage | Problem]:
    """List Messages

     List messages in order: all that are kept, or with `to` and `topic` those that were not
    acknowledged.

    They come again until they are acknowledged, so every one comes at least once.

    Args:
        swarm_id (str):
        to (str | Unset): Task or sub-agent they are for
        topic (str | Unset):
        consumer (str | Unset): Who reads the topic, by any name
        after (int | Unset): Messages behind this position Default: 0.
        cursor (str | Unset): `next_cursor` of the page before, as `after`
        limit (int | Unset): Items a page Default: 100.
        wait (float | Unset): Seconds to wait where there is none yet Default: 0.0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[MessagePage | Problem]
    """

    kwargs = _get_kwargs(
        swarm_id=swarm_id,
        to=to,
        topic=topic,
        consumer=consumer,
        after=after,
        cursor=cursor,
        limit=limit,
        wait=wait,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    swarm_id: str,
    *,
    client: AuthenticatedClient,
    to: str | Unset = UNSET,
    topic: str | Unset = UNSET,
    consumer: str | Unset = UNSET,
    after: int | Unset = 0,
    cursor: str | Unset = UNSET,
    limit: int | Unset = 100,
    wait: float | Unset = 0.0,
) -> MessagePage | Problem | None:
    """List Messages

     List messages in order: all that are kept, or with `to` and `topic` those that were not
    acknowledged.

    They come again until they are acknowledged, so every one comes at least once.

    Args:
        swarm_id (str):
        to (str | Unset): Task or sub-agent they are for
        topic (str | Unset):
        consumer (str | Unset): Who reads the topic, by any name
        after (int | Unset): Messages behind this position Default: 0.
        cursor (str | Unset): `next_cursor` of the page before, as `after`
        limit (int | Unset): Items a page Default: 100.
        wait (float | Unset): Seconds to wait where there is none yet Default: 0.0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        MessagePage | Problem
    """

    return sync_detailed(
        swarm_id=swarm_id,
        client=client,
        to=to,
        topic=topic,
        consumer=consumer,
        after=after,
        cursor=cursor,
        limit=limit,
        wait=wait,
    ).parsed


async def asyncio_detailed(
    swarm_id: str,
    *,
    client: AuthenticatedClient,
    to: str | Unset = UNSET,
    topic: str | Unset = UNSET,
    consumer: str | Unset = UNSET,
    after: int | Unset = 0,
    cursor: str | Unset = UNSET,
    limit: int | Unset = 100,
    wait: float | Unset = 0.0,
) -> Response[MessagePage | Problem]:
    """List Messages

     List messages in order: all that are kept, or with `to` and `topic` those that were not
    acknowledged.

    They come again until they are acknowledged, so every one comes at least once.

    Args:
        swarm_id (str):
        to (str | Unset): Task or sub-agent they are for
        topic (str | Unset):
        consumer (str | Unset): Who reads the topic, by any name
        after (int | Unset): Messages behind this position Default: 0.
        cursor (str | Unset): `next_cursor` of the page before, as `after`
        limit (int | Unset): Items a page Default: 100.
        wait (float | Unset): Seconds to wait where there is none yet Default: 0.0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[MessagePage | Problem]
    """

    kwargs = _get_kwargs(
        swarm_id=swarm_id,
        to=to,
        topic=topic,
        consumer=consumer,
        after=after,
        cursor=cursor,
        limit=limit,
        wait=wait,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    swarm_id: str,
    *,
    client: AuthenticatedClient,
    to: str | Unset = UNSET,
    topic: str | Unset = UNSET,
    consumer: str | Unset = UNSET,
    after: int | Unset = 0,
    cursor: str | Unset = UNSET,
    limit: int | Unset = 100,
    wait: float | Unset = 0.0,
) -> MessagePage | Problem | None:
    """List Messages

     List messages in order: all that are kept, or with `to` and `topic` those that were not
    acknowledged.

    They come again until they are acknowledged, so every one comes at least once.

    Args:
        swarm_id (str):
        to (str | Unset): Task or sub-agent they are for
        topic (str | Unset):
        consumer (str | Unset): Who reads the topic, by any name
        after (int | Unset): Messages behind this position Default: 0.
        cursor (str | Unset): `next_cursor` of the page before, as `after`
        limit (int | Unset): Items a page Default: 100.
        wait (float | Unset): Seconds to wait where there is none yet Default: 0.0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        MessagePage | Problem
    """

    return (
        await asyncio_detailed(
            swarm_id=swarm_id,
            client=client,
            to=to,
            topic=topic,
            consumer=consumer,
            after=after,
            cursor=cursor,
            limit=limit,
            wait=wait,
        )
    ).parsed
