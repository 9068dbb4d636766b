"""Both generated SDKs against the running service, and every example of their READMEs."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.support.sdks import PYTHON_SDK, TYPESCRIPT_SDK, Guarded, Sdk
from tests.support.service import ROOT

READMES = {".py": PYTHON_SDK / "README.md", ".mjs": TYPESCRIPT_SDK / "README.md"}
EXPECTED = {
    ".py": ["report completed ", "ended: completed", "/tasks", "two views"],
    ".mjs": ["report completed ", "two views"],
}
"""What each example prints among other things."""


def examples(readme: Path) -> list[str]:
    return re.findall(r"^```(?:python|js)\n(.*?)^```", readme.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def first_lines(sdk: Sdk, guarded: Guarded) -> str:
    """The example of the project's README, which names a service and a key as its reader would write them."""
    [program] = [
        text for text in examples(ROOT / "README.md") if f"swarmd{'_' if sdk.suffix == '.py' else '-'}client" in text
    ]
    # Node before 22 has no WebSocket of its own.
    built_in = 'import { WebSocket } from "ws";\nglobalThis.WebSocket ??= WebSocket;\n' if sdk.suffix == ".mjs" else ""
    return built_in + program.replace("http://127.0.0.1:8000", guarded.url).replace("…", guarded.key)


def test_no_operation_is_missing() -> None:
    document = json.loads((ROOT / "openapi/openapi.json").read_text(encoding="utf-8"))
    wanted = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    modules = {path.stem for path in (PYTHON_SDK / "swarmd_client/api").glob("*/*.py")}
    types = (TYPESCRIPT_SDK / "schema.d.ts").read_text(encoding="utf-8")

    assert wanted - modules == set()
    assert wanted - set(re.findall(r'operations\["(\w+)"\]', types)) == set()


def test_an_sdk_does_what_programs_need(sdk: Sdk, guarded: Guarded) -> None:
    """An orchestrator, a graph of 100, 10 and 1 to its end, its stream, its results, errors, a cancel, pages."""
    said = sdk.run("smoke", guarded.url, guarded.key)

    assert "graph: 111 tasks" in said
    assert "pages: 5" in said
    assert "errors: typed" in said
    assert "cancel: done" in said


def test_the_examples_of_the_readme_run(sdk: Sdk, guarded: Guarded) -> None:
    programs = examples(READMES[sdk.suffix])
    for number, (program, expected) in enumerate(zip(programs, EXPECTED[sdk.suffix], strict=True)):
        (sdk.programs / f"readme{number}{sdk.suffix}").write_text(program, encoding="utf-8")
        said = sdk.run(f"readme{number}", SWARMD_URL=guarded.url, SWARMD_API_KEY=guarded.key)
        assert expected in said, said


def test_the_example_of_the_projects_readme_runs(sdk: Sdk, guarded: Guarded) -> None:
    (sdk.programs / f"first{sdk.suffix}").write_text(first_lines(sdk, guarded), encoding="utf-8")

    assert "completed" in sdk.run("first")


TYPED = """
import { createSwarmd, ok, type Event, type Schemas } from "swarmd-client";

const body: Schemas["SwarmCreate"] = { tasks: [{ id: "a", prompt: "x" }] };
// @ts-expect-error  a field of the wrong type
const wrong: Schemas["SwarmCreate"] = { tasks: 1 };
export const swarmd = createSwarmd({ baseUrl: "http://127.0.0.1:8000" });
export const swarm_id: string = ok(await swarmd.POST("/v1/swarms", { body: body ?? wrong })).swarm_id;
// @ts-expect-error  there is no such operation
await swarmd.GET("/v1/swarm");
export function errorOf(event: Event): string | undefined {
  return event.type === "agent_failed" ? event.error : undefined;
}
"""


def test_the_types_come_with_the_package(node: Sdk) -> None:
    """A program of a user is checked, strictly, against the package as it is packed."""
    (node.programs / "typed.mts").write_text(TYPED, encoding="utf-8")
    compiler = TYPESCRIPT_SDK / "node_modules/typescript/bin/tsc"

    checked = subprocess.run(
        [
            *node.command,
            str(compiler),
            "--noEmit",
            "--strict",
            "--target",
            "es2022",
            "--module",
            "nodenext",
            "typed.mts",
        ],
        cwd=node.programs,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
