from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.graph_validation_out import GraphValidationOut
from ...models.problem import Problem
from ...models.validate_graph_body import ValidateGraphBody
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: ValidateGraphBody,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/graphs/validate",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> GraphValidationOut | Problem | None:
    if response.status_code == 200:
        response_200 = GraphValidationOut.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = Problem.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = Problem.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Problem.from_dict(response.json())

        return response_403

    if response.status_code == 413:
        response_413 = Problem.from_dict(response.json())

        return response_413

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
) -> Response[GraphValidationOut | Problem]:
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
    body: ValidateGraphBody,
    idempotency_key: str | Unset = UNSET,
) -> Response[GraphValidationOut | Problem]:
    """Validate Graph

     Say whether a graph could be run as of now, what is wrong with it, how wide it is, and what it would
    take.

    What is wrong is part of the answer, whose status is 200; only what is no JSON object at all is
    refused. Nothing is
    stored and no model is called.

    Args:
        idempotency_key (str | Unset): Taken, but not needed: this request can be repeated as it
            is
        body (ValidateGraphBody):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[GraphValidationOut | Problem]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: ValidateGraphBody,
    idempotency_key: str | Unset = UNSET,
) -> GraphValidationOut | Problem | None:
    """Validate Graph

     Say whether a graph could be run as of now, what is wrong with it, how wide it is, and what it would
    take.

    What is wrong is part of the answer, whose status is 200; only what is no JSON object at all is
    refused. Nothing is
    stored and no model is called.

    Args:
        idempotency_key (str | Unset): Taken, but not needed: this request can be repeated as it
            is
        body (ValidateGraphBody):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        GraphValidationOut | Problem
    """

    return sync_detailed(
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: ValidateGraphBody,
    idempotency_key: str | Unset = UNSET,
) -> Response[GraphValidationOut | Problem]:
    """Validate Graph

     Say whether a graph could be run as of now, what is wrong with it, how wide it is, and what it would
    take.

    What is wrong is part of the answer, whose status is 200; only what is no JSON object at all is
    refused. Nothing is
    stored and no model is called.

    Args:
        idempotency_key (str | Unset): Taken, but not needed: this request can be repeated as it
            is
        body (ValidateGraphBody):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[GraphValidationOut | Problem]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: ValidateGraphBody,
    idempotency_key: str | Unset = UNSET,
) -> GraphValidationOut | Problem | None:
    """Validate Graph

     Say whether a graph could be run as of now, what is wrong with it, how wide it is, and what it would
    take.

    What is wrong is part of the answer, whose status is 200; only what is no JSON object at all is
    refused. Nothing is
    stored and no model is called.

    Args:
        idempotency_key (str | Unset): Taken, but not needed: this request can be repeated as it
            is
        body (ValidateGraphBody):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        GraphValidationOut | Problem
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
