"""``GET /v1/providers`` and the metrics of lanes: how limits and breakers stand."""

from __future__ import annotations

from pathlib import Path

import httpx2

from tests.support.service import MockModelProcess, ServiceProcess


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


def test_answers_with_500_are_shown_as_failures(tmp_path: Path) -> None:
    with (
        MockModelProcess(tmp_path) as model,
        ServiceProcess(tmp_path, *model.as_provider()) as service,
        service.client() as client,
    ):
        model.script({"match": "alas", "times": None, "status": 500})
        tasks = [{"id": "bad", "prompt": "alas", "max_retries": 0}, {"id": "good"}]
        client.post("/v1/swarms", params={"wait": 20}, json={"tasks": tasks}).raise_for_status()

        [model_shown] = [one for entry in client.get("/v1/providers").json()["items"] for one in entry["models"]]

    assert (model_shown["calls"], model_shown["failures"], model_shown["error_rate"]) == (2, 1, 0.5)
    assert model_shown["breaker"]["state"] == "closed"
