"""``swarmd mock-model``: an OpenAI-compatible server with the offline model behind it and faults on demand.

A process of its own for tests and benchmarks: what the service sees is a real socket with real delays, resets and
limits, and the server keeps its own ledger of the calls it got (``call_log``). Nothing of the product imports this
package.

Endpoints: ``POST /v1/chat/completions``, ``GET /v1/models``; for tests ``GET /mock/stats``, ``GET`` and
``PATCH /mock/config`` (options by name), ``POST /mock/script`` (a list of ``scripts.Script``), ``POST /mock/reset``.
"""

from app.providers.mock_model.config import MockModelConfig
from app.providers.mock_model.run import RunningMockModel, listening, run, serve

__all__ = ["MockModelConfig", "RunningMockModel", "listening", "run", "serve"]
