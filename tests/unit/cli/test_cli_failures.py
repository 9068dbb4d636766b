"""What a user is shown of an error answer, and the exit codes."""

import signal

import pytest

from app.cli.failures import EXIT_ERROR, EXIT_USAGE, Interrupted, exit_code_of, problem_failure


@pytest.mark.parametrize(
    ("status", "code"), [("completed", 0), ("partial", 3), ("failed", 4), ("cancelled", 5), ("exploded", 4)]
)
def test_each_final_status_has_its_exit_code(status: str, code: int) -> None:
    assert exit_code_of(status) == code


def test_every_wrong_field_is_shown_with_its_place() -> None:
    failure = problem_failure(
        422,
        {
            "type": "about:blank",
            "title": "Unprocessable Content",
            "status": 422,
            "code": "invalid_request",
            "detail": "two fields are wrong",
            "errors": [
                {"pointer": "/tasks/0/priority", "detail": "expected 1 to 10, got 11"},
                {"pointer": "", "detail": "expected an object"},
            ],
        },
    )

    assert failure.exit_code == EXIT_USAGE
    assert failure.message.splitlines() == [
        "HTTP 422 invalid_request: two fields are wrong",
        "  /tasks/0/priority: expected 1 to 10, got 11",
        "  (body): expected an object",
    ]


def test_a_single_field_that_the_detail_names_already_is_not_said_twice() -> None:
    problem = {"detail": "/model: unknown", "errors": [{"pointer": "/model", "detail": "unknown"}]}

    assert problem_failure(422, problem).message == "HTTP 422: /model: unknown"


def test_thousands_of_wrong_fields_are_cut_short() -> None:
    errors = [{"pointer": f"/tasks/{n}", "detail": "wrong"} for n in range(1050)]

    lines = problem_failure(422, {"detail": "many", "errors": errors}).message.splitlines()

    assert len(lines) == 52
    assert lines[-1] == "  … and 1,000 more"


@pytest.mark.parametrize("body", ["<html>Bad   gateway</html>", [1], None, {}, {"errors": "x"}, {"errors": [1, {}]}])
def test_any_body_makes_a_readable_message(body: object) -> None:
    failure = problem_failure(502, body)

    assert failure.exit_code == EXIT_ERROR
    assert "502" in failure.message


def test_a_refused_key_says_how_to_pass_one() -> None:
    refused = problem_failure(401, {"title": "Unauthorized"})

    assert refused.status == 401
    assert "pass a key with SWARMD_API_KEY or --api-key; `swarmd keys create` makes one" in refused.message


def test_a_key_without_the_right_says_how_to_make_one_with_it() -> None:
    assert "keys create --scopes" in problem_failure(403, {"detail": "this key lacks the scope 'run'"}).message
    assert "keys create" not in problem_failure(403, {"detail": "a Host header of another site"}).message


def test_an_interruption_exits_as_shells_expect() -> None:
    assert Interrupted(signal.SIGINT).exit_code == 130
    assert Interrupted(signal.SIGTERM).exit_code == 143
