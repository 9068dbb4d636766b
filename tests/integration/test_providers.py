"""``GET /v1/providers`` and the metrics of lanes: how limits and breakers stand."""

from __future__ import annotations

import httpx2

from tests.support.service import ServiceProcess


def test_a_provider_shows_what_became_of_its_calls(client: httpx2.Client, service: ServiceProcess) -> None:
    client.post("/v1/swarms", params={"wait": 20}, json={"tasks": [{}, {}, {}]}).raise_for_status()

    shown = {entry["provider"]: entry["models"] for entry in client.get("/v1/providers").json()["items"]}

    [model] = shown["offline"]
    assert model["model"] == "offline"
    assert model["calls"] >= 3
    assert (model["in_flight"], model["waiting"], model["limit"], model["error_rate"]) == (0, 0, None, 0.0)
    assert model["breaker"] == {"state": "closed", "opened_count": 0, "retry_in_s": None}
    lines = client.get("/metrics").text.splitlines()
    assert f'swarmd_lane_calls_total{{model="offline",provider="offline"}} {float(model["calls"])}' in lines
    assert 'swarmd_breaker_state{model="offline",provider="offline"} 0.0' in lines
