import datetime
from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.usage_group import UsageGroup
from ...models.usage_page import UsagePage
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    group_by: UsageGroup | Unset = UNSET,
    from_: datetime.date | Unset = UNSET,
    to: datetime.date | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_group_by: str | Unset = UNSET
    if not isinstance(group_by, Unset):
        json_group_by = group_by.value

    params["group_by"] = json_group_by

    json_from_: str | Unset = UNSET
    if not isinstance(from_, Unset):
        json_from_ = from_.isoformat()
    params["from"] = json_from_

    json_to: str | Unset = UNSET
    if not isinstance(to, Unset):
        json_to = to.isoformat()
    params["to"] = json_to

    params["limit"] = limit

    params["cursor"] = cursor

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/usage",
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Problem | UsagePage | None:
    if response.status_code == 200:
        response_200 = UsagePage.from_dict(response.json())

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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Problem | UsagePage]:
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
    group_by: UsageGroup | Unset = UNSET,
    from_: datetime.date | Unset = UNSET,
    to: datetime.date | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Response[Problem | UsagePage]:
    """Get Usage

     Sum up what was used and what it cost: models and keys by name, days and swarms the newest first.

    A swarm counts on the day it was created, with all it has used since, and no more once it is
    deleted; the other
    groups count each call on its day and forget none.

    Args:
        group_by (UsageGroup | Unset): What the sums are by, and their order: models and keys by
            name, days and swarms the newest first.
        from_ (datetime.date | Unset): First day, UTC
        to (datetime.date | Unset): Last day, UTC
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | UsagePage]
    """

    kwargs = _get_kwargs(
        group_by=group_by,
        from_=from_,
        to=to,
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
    group_by: UsageGroup | Unset = UNSET,
    from_: datetime.date | Unset = UNSET,
    to: datetime.date | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Problem | UsagePage | None:
    """Get Usage

     Sum up what was used and what it cost: models and keys by name, days and swarms the newest first.

    A swarm counts on the day it was created, with all it has used since, and no more once it is
    deleted; the other
    groups count each call on its day and forget none.

    Args:
        group_by (UsageGroup | Unset): What the sums are by, and their order: models and keys by
            name, days and swarms the newest first.
        from_ (datetime.date | Unset): First day, UTC
        to (datetime.date | Unset): Last day, UTC
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | UsagePage
    """

    return sync_detailed(
        client=client,
        group_by=group_by,
        from_=from_,
        to=to,
        limit=limit,
        cursor=cursor,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    group_by: UsageGroup | Unset = UNSET,
    from_: datetime.date | Unset = UNSET,
    to: datetime.date | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Response[Problem | UsagePage]:
    """Get Usage

     Sum up what was used and what it cost: models and keys by name, days and swarms the newest first.

    A swarm counts on the day it was created, with all it has used since, and no more once it is
    deleted; the other
    groups count each call on its day and forget none.

    Args:
        group_by (UsageGroup | Unset): What the sums are by, and their order: models and keys by
            name, days and swarms the newest first.
        from_ (datetime.date | Unset): First day, UTC
        to (datetime.date | Unset): Last day, UTC
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | UsagePage]
    """

    kwargs = _get_kwargs(
        group_by=group_by,
        from_=from_,
        to=to,
        limit=limit,
        cursor=cursor,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    group_by: UsageGroup | Unset = UNSET,
    from_: datetime.date | Unset = UNSET,
    to: datetime.date | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Problem | UsagePage | None:
    """Get Usage

     Sum up what was used and what it cost: models and keys by name, days and swarms the newest first.

    A swarm counts on the day it was created, with all it has used since, and no more once it is
    deleted; the other
    groups count each call on its day and forget none.

    Args:
        group_by (UsageGroup | Unset): What the sums are by, and their order: models and keys by
            name, days and swarms the newest first.
        from_ (datetime.date | Unset): First day, UTC
        to (datetime.date | Unset): Last day, UTC
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | UsagePage
    """

    return (
        await asyncio_detailed(
            client=client,
            group_by=group_by,
            from_=from_,
            to=to,
            limit=limit,
            cursor=cursor,
        )
    ).parsed
