from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.price_table_out import PriceTableOut
from ...models.problem import Problem
from ...types import Response


def _get_kwargs() -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/prices",
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> PriceTableOut | Problem | None:
    if response.status_code == 200:
        response_200 = PriceTableOut.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = Problem.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Problem.from_dict(response.json())

        return response_403

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
) -> Response[PriceTableOut | Problem]:
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
) -> Response[PriceTableOut | Problem]:
    """List Prices

     List the prices of the models that are known and of those that were set, in US dollars per million
    tokens.

    A price set here wins over a configured one, and that over the vendor's in the kept table, which
    counts only at the
    vendor's own endpoint. Of a vendor's rates by length of the prompt, time of day, kind of token or
    writing to the
    cache the dearest is kept, so that a budget is never overspent. A model that is not listed has no
    known price: what
    its calls cost is null.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PriceTableOut | Problem]
    """

    kwargs = _get_kwargs()

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
) -> PriceTableOut | Problem | None:
    """List Prices

     List the prices of the models that are known and of those that were set, in US dollars per million
    tokens.

    A price set here wins over a configured one, and that over the vendor's in the kept table, which
    counts only at the
    vendor's own endpoint. Of a vendor's rates by length of the prompt, time of day, kind of token or
    writing to the
    cache the dearest is kept, so that a budget is never overspent. A model that is not listed has no
    known price: what
    its calls cost is null.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PriceTableOut | Problem
    """

    return sync_detailed(
        client=client,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
) -> Response[PriceTableOut | Problem]:
    """List Prices

     List the prices of the models that are known and of those that were set, in US dollars per million
    tokens.

    A price set here wins over a configured one, and that over the vendor's in the kept table, which
    counts only at the
    vendor's own endpoint. Of a vendor's rates by length of the prompt, time of day, kind of token or
    writing to the
    cache the dearest is kept, so that a budget is never overspent. A model that is not listed has no
    known price: what
    its calls cost is null.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PriceTableOut | Problem]
    """

    kwargs = _get_kwargs()

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
) -> PriceTableOut | Problem | None:
    """List Prices

     List the prices of the models that are known and of those that were set, in US dollars per million
    tokens.

    A price set here wins over a configured one, and that over the vendor's in the kept table, which
    counts only at the
    vendor's own endpoint. Of a vendor's rates by length of the prompt, time of day, kind of token or
    writing to the
    cache the dearest is kept, so that a budget is never overspent. A model that is not listed has no
    known price: what
    its calls cost is null.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PriceTableOut | Problem
    """

    return (
        await asyncio_detailed(
            client=client,
        )
    ).parsed
