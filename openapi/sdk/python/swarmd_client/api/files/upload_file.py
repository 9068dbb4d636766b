from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.file_out import FileOut
from ...models.problem import Problem
from ...models.upload_file_files_body import UploadFileFilesBody
from ...types import UNSET, File, Response, Unset


def _get_kwargs(
    *,
    body: File | UploadFileFilesBody | Unset = UNSET,
    name: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    params: dict[str, Any] = {}

    params["name"] = name

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/files",
        "params": params,
    }

    if isinstance(body, File):
        if not isinstance(body, Unset):
            _kwargs["content"] = body.payload
        headers["Content-Type"] = "application/octet-stream"
    if isinstance(body, UploadFileFilesBody):
        if not isinstance(body, Unset):
            _kwargs["files"] = body.to_multipart()

        headers["Content-Type"] = "multipart/form-data; boundary=+++"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> FileOut | Problem | None:
    if response.status_code == 201:
        response_201 = FileOut.from_dict(response.json())

        return response_201

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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[FileOut | Problem]:
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
    body: File | UploadFileFilesBody | Unset = UNSET,
    name: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[FileOut | Problem]:
    """Upload File

     Upload a file: as the raw body with `?name=`, or as the one file of a form. It goes to the disk as
    it comes.

    The tool `file_reader`, `decompose` and `attachments` take it by its id or name; of several of one
    name the newest
    counts. They read files of up to 32 MiB.

    Args:
        name (str | Unset): A relative path. Of a raw body; else that of the form's file
        idempotency_key (str | Unset): 1 to 255 printable ASCII characters. The same key with the
            same request again starts nothing: it gets the answer of the first, with the header
            `Idempotent-Replayed: true`. With another request: 409. A refused request leaves its key
            free.
        body (File | Unset):
        body (UploadFileFilesBody | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[FileOut | Problem]
    """

    kwargs = _get_kwargs(
        body=body,
        name=name,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: File | UploadFileFilesBody | Unset = UNSET,
    name: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> FileOut | Problem | None:
    """Upload File

     Upload a file: as the raw body with `?name=`, or as the one file of a form. It goes to the disk as
    it comes.

    The tool `file_reader`, `decompose` and `attachments` take it by its id or name; of several of one
    name the newest
    counts. They read files of up to 32 MiB.

    Args:
        name (str | Unset): A relative path. Of a raw body; else that of the form's file
        idempotency_key (str | Unset): 1 to 255 printable ASCII characters. The same key with the
            same request again starts nothing: it gets the answer of the first, with the header
            `Idempotent-Replayed: true`. With another request: 409. A refused request leaves its key
            free.
        body (File | Unset):
        body (UploadFileFilesBody | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        FileOut | Problem
    """

    return sync_detailed(
        client=client,
        body=body,
        name=name,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: File | UploadFileFilesBody | Unset = UNSET,
    name: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[FileOut | Problem]:
    """Upload File

     Upload a file: as the raw body with `?name=`, or as the one file of a form. It goes to the disk as
    it comes.

    The tool `file_reader`, `decompose` and `attachments` take it by its id or name; of several of one
    name the newest
    counts. They read files of up to 32 MiB.

    Args:
        name (str | Unset): A relative path. Of a raw body; else that of the form's file
        idempotency_key (str | Unset): 1 to 255 printable ASCII characters. The same key with the
            same request again starts nothing: it gets the answer of the first, with the header
            `Idempotent-Replayed: true`. With another request: 409. A refused request leaves its key
            free.
        body (File | Unset):
        body (UploadFileFilesBody | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[FileOut | Problem]
    """

    kwargs = _get_kwargs(
        body=body,
        name=name,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: File | UploadFileFilesBody | Unset = UNSET,
    name: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> FileOut | Problem | None:
    """Upload File

     Upload a file: as the raw body with `?name=`, or as the one file of a form. It goes to the disk as
    it comes.

    The tool `file_reader`, `decompose` and `attachments` take it by its id or name; of several of one
    name the newest
    counts. They read files of up to 32 MiB.

    Args:
        name (str | Unset): A relative path. Of a raw body; else that of the form's file
        idempotency_key (str | Unset): 1 to 255 printable ASCII characters. The same key with the
            same request again starts nothing: it gets the answer of the first, with the header
            `Idempotent-Replayed: true`. With another request: 409. A refused request leaves its key
            free.
        body (File | Unset):
        body (UploadFileFilesBody | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        FileOut | Problem
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            name=name,
            idempotency_key=idempotency_key,
        )
    ).parsed
