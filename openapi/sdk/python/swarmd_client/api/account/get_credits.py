from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.credit_account import CreditAccount
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    tenant_id: str | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["tenant_id"] = tenant_id

    params["limit"] = limit

    params["cursor"] = cursor

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/credits",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> CreditAccount | Problem | None:
    if response.status_code == 200:
        response_200 = CreditAccount.from_dict(response.json())

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
) -> Response[CreditAccount | Problem]:
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
    tenant_id: str | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Response[CreditAccount | Problem]:
    """Get Credits

     Show what is left of the prepaid credits, and the ledger: its rows add up to `balance_usd`.

    Rows are only ever added: free credits (`opening`), top-ups, corrections, and every hour what was
    used since the
    last such row. While `enabled`, a start with nothing left is a 402 and a run that comes to the end
    of the credits
    pauses until there are more.

    Args:
        tenant_id (str | Unset): Another tenant: the operator only
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CreditAccount | Problem]
    """

    kwargs = _get_kwargs(
        tenant_id=tenant_id,
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
    tenant_id: str | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> CreditAccount | Problem | None:
    """Get Credits

     Show what is left of the prepaid credits, and the ledger: its rows add up to `balance_usd`.

    Rows are only ever added: free credits (`opening`), top-ups, corrections, and every hour what was
    used since the
    last such row. While `enabled`, a start with nothing left is a 402 and a run that comes to the end
    of the credits
    pauses until there are more.

    Args:
        tenant_id (str | Unset): Another tenant: the operator only
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CreditAccount | Problem
    """

    return sync_detailed(
        client=client,
        tenant_id=tenant_id,
        limit=limit,
        cursor=cursor,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    tenant_id: str | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Response[CreditAccount | Problem]:
    """Get Credits

     Show what is left of the prepaid credits, and the ledger: its rows add up to `balance_usd`.

    Rows are only ever added: free credits (`opening`), top-ups, corrections, and every hour what was
    used since the
    last such row. While `enabled`, a start with nothing left is a 402 and a run that comes to the end
    of the credits
    pauses until there are more.

    Args:
        tenant_id (str | Unset): Another tenant: the operator only
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CreditAccount | Problem]
    """

    kwargs = _get_kwargs(
        tenant_id=tenant_id,
        limit=limit,
        cursor=cursor,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    tenant_id: str | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> CreditAccount | Problem | None:
    """Get Credits

     Show what is left of the prepaid credits, and the ledger: its rows add up to `balance_usd`.

    Rows are only ever added: free credits (`opening`), top-ups, corrections, and every hour what was
    used since the
    last such row. While `enabled`, a start with nothing left is a 402 and a run that comes to the end
    of the credits
    pauses until there are more.

    Args:
        tenant_id (str | Unset): Another tenant: the operator only
        limit (int | Unset): Items a page Default: 100.
        cursor (str | Unset): `next_cursor` of the page before

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CreditAccount | Problem
    """

    return (
        await asyncio_detailed(
            client=client,
            tenant_id=tenant_id,
            limit=limit,
            cursor=cursor,
        )
    ).parsed
