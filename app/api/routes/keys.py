"""``/v1/keys``: the API keys of the caller's tenant (contract, section 7). All of it needs the scope ``admin``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from app.api.auditing import note
from app.api.deps import AdminDep, Limit, ServicesDep, id_cursor, json_response
from app.api.errors import responses
from app.api.openapi import request_body
from app.api.schemas.keys import KeyChange, KeyCreate, KeyMinted, KeyOut, KeyPage, KeyRotate, key_json
from app.api.strict_json import body_of, parse, validate
from app.domain.ids import KEY_PREFIX

router = APIRouter(prefix="/v1/keys", tags=["account"])

KeyCursor = Annotated[str | None, id_cursor(KEY_PREFIX)]


@router.get("", operation_id="list_keys", response_model=KeyPage, responses=responses(403, 422, 503))
async def list_keys(services: ServicesDep, caller: AdminDep, limit: Limit = 100, cursor: KeyCursor = None) -> Response:
    """List the tenant's keys, oldest first, revoked and expired ones included; never their secrets."""
    page = await services.keys.list(caller.tenant_id, limit=limit, cursor=cursor)
    return json_response({"items": [key_json(row) for row in page.items], "next_cursor": page.next_cursor})


@router.post(
    "",
    status_code=201,
    operation_id="create_key",
    response_model=KeyMinted,
    responses=responses(400, 403, 413, 422, 503),
    openapi_extra=request_body(KeyCreate),
)
async def create_key(
    request: Request,
    caller: AdminDep,
    services: ServicesDep,
    body: Annotated[KeyCreate, Depends(body_of(KeyCreate))],
) -> Response:
    """Mint a key of the own tenant; `key` is shown this once.

    An `Idempotency-Key` does nothing here: an answer that holds a secret is not kept. If the answer is lost, revoke the
    key, which the list shows, and mint another.
    """
    row, secret = await services.keys.create(
        caller.tenant_id, body.name, body.scopes, by=caller.key_id, **body.limits()
    )
    note(request, row.key_id, {"name": row.name, "scopes": list(row.scopes)})
    return json_response(key_json(row) | {"key": secret}, 201)


@router.get("/{key_id}", operation_id="get_key", response_model=KeyOut, responses=responses(403, 404, 503))
async def get_key(services: ServicesDep, caller: AdminDep, key_id: str) -> Response:
    """Show one key."""
    return json_response(key_json(await services.keys.get(caller.tenant_id, key_id)))


@router.patch(
    "/{key_id}",
    operation_id="update_key",
    response_model=KeyOut,
    responses=responses(400, 403, 404, 413, 422, 503),
    openapi_extra=request_body(KeyChange),
)
async def update_key(
    request: Request,
    caller: AdminDep,
    services: ServicesDep,
    key_id: str,
    body: Annotated[KeyChange, Depends(body_of(KeyChange))],
) -> Response:
    """Change name, limits or expiry. They hold at once, for work that goes on, too; calls under way end."""
    changes = body.changes()
    row = await services.keys.change(caller.tenant_id, key_id, changes, by=caller.key_id)
    note(request, key_id, {name: value for name, value in key_json(row).items() if name in body.model_fields_set})
    return json_response(key_json(row))


@router.post(
    "/{key_id}/rotate",
    operation_id="rotate_key",
    response_model=KeyMinted,
    responses=responses(400, 403, 404, 413, 422, 503),
    openapi_extra=request_body(KeyRotate, required=False),
)
async def rotate_key(request: Request, caller: AdminDep, services: ServicesDep, key_id: str) -> Response:
    """Give a key another secret, shown this once; name, scopes, limits and history stay.

    With `grace_s` the present secret works for so long, too; without it ends at once.
    """
    raw = await request.body()
    body = validate(KeyRotate, parse(raw)) if raw.strip() else KeyRotate()
    row, secret = await services.keys.rotate(caller.tenant_id, key_id, grace_s=body.grace_s, by=caller.key_id)
    note(request, key_id, {"grace_s": body.grace_s})
    return json_response(key_json(row) | {"key": secret})


@router.delete("/{key_id}", operation_id="revoke_key", status_code=204, responses=responses(403, 404, 503))
async def revoke_key(services: ServicesDep, caller: AdminDep, key_id: str) -> Response:
    """Revoke a key: it is refused within two seconds, for ever. What it started goes on; the list still shows it."""
    await services.keys.revoke(caller.tenant_id, key_id)
    return Response(status_code=204)
