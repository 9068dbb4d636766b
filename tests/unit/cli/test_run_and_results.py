"""The body ``swarmd run`` sends, and the result it prints."""

from pathlib import Path

import orjson
import pytest

from app.cli.failures import EXIT_USAGE, Failure
from app.cli.messages import printable
from app.cli.results import as_json, as_text, check_writable, deliver, failures_of, output_of
from app.cli.run import swarm_body


def test_the_file_is_sent_as_it_is() -> None:
    body = {"tasks": [{"id": "a", "prompt": "é"}], "limits": {"timeout_s": 5}, "metadata": {"x": [1, None]}}

    assert orjson.loads(swarm_body(orjson.dumps(body))) == body


def test_flags_override_and_keep_the_other_limits() -> None:
    text = orjson.dumps({"tasks": [], "model": "a", "limits": {"max_parallel_agents": 5, "max_steps": 9}})

    body = orjson.loads(swarm_body(text, model="b", max_parallel=7, timeout_s=2.5))

    assert body["model"] == "b"
    assert body["limits"] == {"max_parallel_agents": 7, "max_steps": 9, "timeout_s": 2.5}


def test_a_bare_list_is_the_tasks() -> None:
    assert orjson.loads(swarm_body(b'[{"id": "a"}]')) == {"tasks": [{"id": "a"}]}


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"a": NaN}', b"\xff", b'"text"', b"5", b"null", b'{"tasks": [], "limits": 5}']
)
def test_anything_else_is_a_usage_error(text: bytes) -> None:
    with pytest.raises(Failure) as failure:
        swarm_body(text, max_parallel=1)
    assert failure.value.exit_code == EXIT_USAGE


RESULTS = {
    "aggregated": None,
    "outputs": [
        {"task_id": "a", "status": "completed", "output": "text\n", "error": None},
        {"task_id": "b", "status": "completed", "output": {"x": 1}, "error": None},
        {"task_id": "c", "status": "failed", "output": None, "error": {"type": "timeout", "message": "too slow"}},
        {"task_id": "d", "status": "skipped", "output": None, "error": None},
    ],
    "summary": {"failures": [{"task_id": "c", "error": "too slow"}]},
}


def test_results_as_text_are_a_section_a_task() -> None:
    assert as_text(RESULTS) == (
        '## a\n\ntext\n\n## b\n\n{\n  "x": 1\n}\n\n## c\n\n(failed: too slow)\n\n## d\n\n(skipped: no output)\n'
    )


def test_the_merged_answer_stands_for_all() -> None:
    assert as_text({**RESULTS, "aggregated": "merged"}) == "merged\n"
    assert as_text({**RESULTS, "aggregated": []}) == "[]\n"


def test_one_output_and_the_failures_can_be_picked() -> None:
    assert output_of(RESULTS, "a") == "text\n"
    assert output_of(RESULTS, "c") is None
    assert failures_of(RESULTS) == ["c: too slow"]
    assert failures_of({}) == []


def test_json_is_indented_and_keeps_its_characters() -> None:
    assert as_json({"b": "é", "a": 1}) == '{\n  "b": "é",\n  "a": 1\n}\n'


def test_an_output_file_that_cannot_be_written_is_found_before_the_swarm_starts(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.json")
    for path in (tmp_path, tmp_path / "absent" / "new.json"):
        with pytest.raises(Failure) as failure:
            check_writable(path)
        assert failure.value.exit_code == EXIT_USAGE


def test_the_file_gets_the_text(tmp_path: Path) -> None:
    deliver("é\n", tmp_path / "out.md")

    assert (tmp_path / "out.md").read_bytes() == "é\n".encode()


def test_no_escape_sequence_reaches_the_terminal() -> None:
    assert printable("a\x1b[2Jb\x9bc\r\n\té😀") == "a\ufffd[2Jb\ufffdc\ufffd\n\té😀"
