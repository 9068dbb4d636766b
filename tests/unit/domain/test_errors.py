"""Errors say what was wrong and where, in words and as data."""

from app.domain.errors import CycleError, FieldError, InvalidRequest, NotFound, SwarmdError


def test_a_wrong_field_names_its_pointer_in_words_and_as_data() -> None:
    error = InvalidRequest.field("/tasks/3/priority", "expected 1-10, got 11")

    assert error.detail == str(error) == "/tasks/3/priority: expected 1-10, got 11"
    assert error.errors == (FieldError("/tasks/3/priority", "expected 1-10, got 11"),)


def test_a_cycle_is_an_invalid_request_that_names_its_path() -> None:
    error = CycleError(["a", "b", "a"], "/tasks/0/depends_on")

    assert isinstance(error, InvalidRequest)
    assert error.code == "dependency_cycle"
    assert "a -> b -> a" in error.detail
    assert error.errors[0].pointer == "/tasks/0/depends_on"


def test_what_is_not_found_is_named() -> None:
    error = NotFound("swarm", "swm_1")

    assert isinstance(error, SwarmdError)
    assert (error.kind, error.key, error.detail) == ("swarm", "swm_1", "no swarm 'swm_1'")
