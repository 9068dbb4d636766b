from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.graph_in import GraphIn
from ...models.graph_out import GraphOut
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    graph_id: str,
    *,
    body: GraphIn,
    if_match: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(if_match, Unset):
        headers["If-Match"] = if_match

    if not isinstance(if_none_match, Unset):
        headers["If-None-Match"] = if_none_match

    _kwargs: dict[str, Any] = {
        "method": "put",
        "url": "/v1/graphs/{graph_id}".format(
            graph_id=quote(str(graph_id), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> GraphOut | Problem | None:
    if response.status_code == 200:
        response_200 = GraphOut.from_dict(response.json())

        return response_200

    if response.status_code == 201:
        response_201 = GraphOut.from_dict(response.json())

        return response_201

    if response.status_code == 400:
        response_400 = Problem.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = Problem.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Problem.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = Problem.from_dict(response.json())

        return response_404

    if response.status_code == 409:
        response_409 = Problem.from_dict(response.json())

        return response_409

    if response.status_code == 412:
        response_412 = Problem.from_dict(response.json())

        return response_412

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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[GraphOut | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response)
        if response.is_success or "json" in response.headers.get("Content-Type", "")
        else None,
    )


def sync_detailed(
    graph_id: str,
    *,
    client: AuthenticatedClient,
    body: GraphIn,
    if_match: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[GraphOut | Problem]:
    """Put Graph

     Save a graph: make it, or replace the whole of it. What is saved already keeps its revision.

    Two editors at once: send the ETag of what you changed as `If-Match` (or its `revision` in the
    body), and what the
    other one saved meanwhile is not lost: you get 412.

    Args:
        graph_id (str): A name of yours: lower-case letters, digits, `_`, `.` and `-`
        if_match (str | Unset): The ETag of what is changed, as GET and PUT answer it, or `*`;
            where it is another by now: 412
        if_none_match (str | Unset): `*`: only where there is no graph of this id, else 412
        body (GraphIn): A graph to save: whatever `POST /v1/swarms` takes, with a description and
            a layout.

            What `GET` answers may be sent back, changed: `graph_id` has to be the path's, `revision`
            the newest.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[GraphOut | Problem]
    """

    kwargs = _get_kwargs(
        graph_id=graph_id,
        body=body,
        if_match=if_match,
        if_none_match=if_none_match,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    graph_id: str,
    *,
    client: AuthenticatedClient,
    body: GraphIn,
    if_match: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> GraphOut | Problem | None:
    """Put Graph

     Save a graph: make it, or replace the whole of it. What is saved already keeps its revision.

    Two editors at once: send the ETag of what you changed as `If-Match` (or its `revision` in the
    body), and what the
    other one saved meanwhile is not lost: you get 412.

    Args:
        graph_id (str): A name of yours: lower-case letters, digits, `_`, `.` and `-`
        if_match (str | Unset): The ETag of what is changed, as GET and PUT answer it, or `*`;
            where it is another by now: 412
        if_none_match (str | Unset): `*`: only where there is no graph of this id, else 412
        body (GraphIn): A graph to save: whatever `POST /v1/swarms` takes, with a description and
            a layout.

            What `GET` answers may be sent back, changed: `graph_id` has to be the path's, `revision`
            the newest.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        GraphOut | Problem
    """

    return sync_detailed(
        graph_id=graph_id,
        client=client,
        body=body,
        if_match=if_match,
        if_none_match=if_none_match,
    ).parsed


async def asyncio_detailed(
    graph_id: str,
    *,
    client: AuthenticatedClient,
    body: GraphIn,
    if_match: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[GraphOut | Problem]:
    """Put Graph

     Save a graph: make it, or replace the whole of it. What is saved already keeps its revision.

    Two editors at once: send the ETag of what you changed as `If-Match` (or its `revision` in the
    body), and what the
    other one saved meanwhile is not lost: you get 412.

    Args:
        graph_id (str): A name of yours: lower-case letters, digits, `_`, `.` and `-`
        if_match (str | Unset): The ETag of what is changed, as GET and PUT answer it, or `*`;
            where it is another by now: 412
        if_none_match (str | Unset): `*`: only where there is no graph of this id, else 412
        body (GraphIn): A graph to save: whatever `POST /v1/swarms` takes, with a description and
            a layout.

            What `GET` answers may be sent back, changed: `graph_id` has to be the path's, `revision`
            the newest.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[GraphOut | Problem]
    """

    kwargs = _get_kwargs(
        graph_id=graph_id,
        body=body,
        if_match=if_match,
        if_none_match=if_none_match,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    graph_id: str,
    *,
    client: AuthenticatedClient,
    body: GraphIn,
    if_match: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> GraphOut | Problem | None:
    """Put Graph

     Save a graph: make it, or replace the whole of it. What is saved already keeps its revision.

    Two editors at once: send the ETag of what you changed as `If-Match` (or its `revision` in the
    body), and what the
    other one saved meanwhile is not lost: you get 412.

    Args:
        graph_id (str): A name of yours: lower-case letters, digits, `_`, `.` and `-`
        if_match (str | Unset): The ETag of what is changed, as GET and PUT answer it, or `*`;
            where it is another by now: 412
        if_none_match (str | Unset): `*`: only where there is no graph of this id, else 412
        body (GraphIn): A graph to save: whatever `POST /v1/swarms` takes, with a description and
            a layout.

            What `GET` answers may be sent back, changed: `graph_id` has to be the path's, `revision`
            the newest.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        GraphOut | Problem
    """

    return (
        await asyncio_detailed(
            graph_id=graph_id,
            client=client,
            body=body,
            if_match=if_match,
            if_none_match=if_none_match,
        )
    ).parsed
