from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.model import Model
from ...models.open_ai_error_envelope import OpenAIErrorEnvelope
from ...types import Response


def _get_kwargs(
    model: str,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/models/{model}".format(
            model=quote(str(model), safe=""),
        ),
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Model | OpenAIErrorEnvelope | None:
    if response.status_code == 200:
        response_200 = Model.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = OpenAIErrorEnvelope.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = OpenAIErrorEnvelope.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = OpenAIErrorEnvelope.from_dict(response.json())

        return response_404

    if response.status_code == 422:
        response_422 = OpenAIErrorEnvelope.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = OpenAIErrorEnvelope.from_dict(response.json())

        return response_429

    if response.status_code == 500:
        response_500 = OpenAIErrorEnvelope.from_dict(response.json())

        return response_500

    if response.status_code == 503:
        response_503 = OpenAIErrorEnvelope.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Model | OpenAIErrorEnvelope]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response)
        if response.is_success or "json" in response.headers.get("Content-Type", "")
        else None,
    )


def sync_detailed(
    model: str,
    *,
    client: AuthenticatedClient,
) -> Response[Model | OpenAIErrorEnvelope]:
    """Get Model

     Get one model by its name.

    Args:
        model (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Model | OpenAIErrorEnvelope]
    """

    kwargs = _get_kwargs(
        model=model,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    model: str,
    *,
    client: AuthenticatedClient,
) -> Model | OpenAIErrorEnvelope | None:
    """Get Model

     Get one model by its name.

    Args:
        model (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Model | OpenAIErrorEnvelope
    """

    return sync_detailed(
        model=model,
        client=client,
    ).parsed


async def asyncio_detailed(
    model: str,
    *,
    client: AuthenticatedClient,
) -> Response[Model | OpenAIErrorEnvelope]:
    """Get Model

     Get one model by its name.

    Args:
        model (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Model | OpenAIErrorEnvelope]
    """

    kwargs = _get_kwargs(
        model=model,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    model: str,
    *,
    client: AuthenticatedClient,
) -> Model | OpenAIErrorEnvelope | None:
    """Get Model

     Get one model by its name.

    Args:
        model (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Model | OpenAIErrorEnvelope
    """

    return (
        await asyncio_detailed(
            model=model,
            client=client,
        )
    ).parsed
