import datetime
from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.audit_page import AuditPage
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    action: str | Unset = UNSET,
    key_id: str | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["action"] = action

    params["key_id"] = key_id

    json_since: str | Unset = UNSET
    if not isinstance(since, Unset):
        json_since = since.isoformat()
    params["since"] = json_since

    json_until: str | Unset = UNSET
    if not isinstance(until, Unset):
        json_until = until.isoformat()
    params["until"] = json_until

    params["limit"] = limit

    params["cursor"] = cursor

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/audit",
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> AuditPage | Problem | None:
    if response.status_code == 200:
        response_200 = AuditPage.from_dict(response.json())

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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[AuditPage | Problem]:
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
    action: str | Unset = UNSET,
    key_id: str | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Response[AuditPage | Problem]:
    """List Audit

     List what was done by whom, newest first: keys, credits, prices, roles, orchestrators, steering of
    runs.

    Each row was written before the request that it tells of was answered; requests that were refused
    are not in it.
    Rows go after `SWARMD_AUDIT_DAYS`.

    Args:
        action (str | Unset): One action, or what stands before its dot: `key`, `key.created`
        key_id (str | Unset): What was done with this key
        since (datetime.datetime | Unset): RFC 3339, included
        until (datetime.datetime | Unset): RFC 3339, excluded
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AuditPage | Problem]
    """

    kwargs = _get_kwargs(
        action=action,
        key_id=key_id,
        since=since,
        until=until,
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
    action: str | Unset = UNSET,
    key_id: str | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> AuditPage | Problem | None:
    """List Audit

     List what was done by whom, newest first: keys, credits, prices, roles, orchestrators, steering of
    runs.

    Each row was written before the request that it tells of was answered; requests that were refused
    are not in it.
    Rows go after `SWARMD_AUDIT_DAYS`.

    Args:
        action (str | Unset): One action, or what stands before its dot: `key`, `key.created`
        key_id (str | Unset): What was done with this key
        since (datetime.datetime | Unset): RFC 3339, included
        until (datetime.datetime | Unset): RFC 3339, excluded
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AuditPage | Problem
    """

    return sync_detailed(
        client=client,
        action=action,
        key_id=key_id,
        since=since,
        until=until,
        limit=limit,
        cursor=cursor,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    action: str | Unset = UNSET,
    key_id: str | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Response[AuditPage | Problem]:
    """List Audit

     List what was done by whom, newest first: keys, credits, prices, roles, orchestrators, steering of
    runs.

    Each row was written before the request that it tells of was answered; requests that were refused
    are not in it.
    Rows go after `SWARMD_AUDIT_DAYS`.

    Args:
        action (str | Unset): One action, or what stands before its dot: `key`, `key.created`
        key_id (str | Unset): What was done with this key
        since (datetime.datetime | Unset): RFC 3339, included
        until (datetime.datetime | Unset): RFC 3339, excluded
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AuditPage | Problem]
    """

    kwargs = _get_kwargs(
        action=action,
        key_id=key_id,
        since=since,
        until=until,
        limit=limit,
        cursor=cursor,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    action: str | Unset = UNSET,
    key_id: str | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> AuditPage | Problem | None:
    """List Audit

     List what was done by whom, newest first: keys, credits, prices, roles, orchestrators, steering of
    runs.

    Each row was written before the request that it tells of was answered; requests that were refused
    are not in it.
    Rows go after `SWARMD_AUDIT_DAYS`.

    Args:
        action (str | Unset): One action, or what stands before its dot: `key`, `key.created`
        key_id (str | Unset): What was done with this key
        since (datetime.datetime | Unset): RFC 3339, included
        until (datetime.datetime | Unset): RFC 3339, excluded
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AuditPage | Problem
    """

    return (
        await asyncio_detailed(
            client=client,
            action=action,
            key_id=key_id,
            since=since,
            until=until,
            limit=limit,
            cursor=cursor,
        )
    ).parsed
