"""The reference of row 8, a process of its own: FastAPI that parses the body of a swarm and does nothing with it."""

from __future__ import annotations

import gc
import sys

import uvicorn
from fastapi import FastAPI

from app.api.schemas.swarm_create import SwarmCreate

app = FastAPI()


@app.post("/v1/swarms", status_code=201)
async def accept(body: SwarmCreate) -> dict[str, int]:
    """Answer with the number of tasks."""
    return {"tasks": len(body.tasks or ())}


if __name__ == "__main__":
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="auto",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
