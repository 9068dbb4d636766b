"""What schemathesis must know about this service beyond the OpenAPI document; it loads this module as its hooks.

Nothing is switched off. ``REFUSED`` lists what well-formed requests are refused for and no schema can tell, each with
the reason; a well-formed request that is refused for anything else is a failure, as is every other kind of failure.
"""

from __future__ import annotations

import os
import re
from typing import Any

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure

OWN_KEY = "FUZZED_WITH_KEY"
"""The variable with the id of the key that the requests carry."""

REFUSED = (
    # Of the store and of the configuration, which no document knows:
    (
        "names what does not exist",
        r"unknown (model|tool|role|dependency)|^no \w+ '|lists no task|is a task neither of|not a task of this",
    ),
    ("a folder of the service that it may not have", r"the service has no workspace"),
    ("a file that holds no text", r"no text can be taken from"),
    ("steps that a run has made already", r"steps are made already"),
    ("a model that reads no pictures; whether it does is the model's affair", r"reads text only"),
    # Of one value, but beyond what JSON Schema has words for:
    ("64 bits, of any number at any depth of a free value", r"integer of at most 64 bits"),
    ("multiples of a billionth: no float is one", r"nine decimals|9 decimal places|16 digits|a billionth of"),
    (
        "a URL that may be asked is more than text",
        r"not a URL|only http:// and|password is not fetched|port \d+ is not|host name nor|percent-enc",
    ),
    ("a data URI holds what it says it holds", r"base64|data URI"),
    ("printable characters are a table of Unicode", r"expected printable characters"),
    ("white space is a table of Unicode", r"expected more than white space|expected some words"),
    ("spellings of strategies are forgiven: a list would refuse what is taken", r"unknown aggregation strategy"),
    ("times from 1970 to 9999; in the future, within a year", r"expected a time (such as|within a year|to come)"),
    ("a cursor is good for the list that gave it out, with the same grouping", r"not a cursor that this list gave out"),
    # Of several values together:
    ("a cap holds one call at least, which its price and its prompt tell", r"^one call may use"),
    ("the name of a tool stands in one of several places", r"expected the name of a tool"),
    ("names of files are relative paths", r"expected a relative path|a name that begins with fil_"),
    ("exactly one kind of work", r"expected exactly one of|belongs to a goal|expected at least one task; or a goal"),
    ("the end of a period is not before its beginning", r"expected a day not before"),
    ("what a template asks for is in the items", r"which the template asks for"),
    ("one of two addresses", r"expected either to \(a task or sub-agent\) or topic"),
    ("a parameter that goes with another", r"taken with versions=all only|send topic, too|\?name=|is the rest behind"),
    (
        "an option that goes with another",
        r"taken only with stream: true|has no use for it|not taken beside|says another version",
    ),
    (
        "null is as good as left out, but something is asked for",
        r"expected at least one of|^expected (max|a model|somet)",
    ),
    (
        "ids differ within a request",
        r"duplicate|are the same thing, but|depend on each other",
    ),
    # Of schemathesis: in one of its phases it makes header values of letters and digits alone, whatever their pattern.
    ("ETags have quotes", r"^String should match pattern '\^\(?\\\\?\*|^expected (\*|one ETag)"),
)
"""Why a well-formed request may be refused, and the words that it is then told."""


@schemathesis.hook
def filter_case(context: HookContext, case: Case[Any]) -> bool:
    """Leave the key alone that the requests carry: revoked, or limited to a request a minute, it would test nothing."""
    return case.path_parameters.get("key_id") != os.environ[OWN_KEY] or case.method == "GET"


@schemathesis.hook
def map_case(context: HookContext, case: Case[Any]) -> Case[Any]:
    """Shorten waits that are taken: five minutes of silence, as asked for, tell no more than a tenth of a second.

    Of well-formed bodies that name several kinds of work most keep the first, so that runs come of them; a few go as
    they are, to be refused.
    """
    body = case.body
    if isinstance(body, dict) and case.meta is not None and case.meta.generation.mode.is_positive:
        kinds = [kind for kind in ("tasks", "goal", "decompose") if body.get(kind) is not None]
        if len(kinds) > 1 and len(str(body)) % 10:
            left_out = {*kinds[1:], *(() if kinds[0] == "goal" else ("planner", "attachments")), "model", "agent"}
            case.body = {name: value for name, value in body.items() if name not in left_out}
    for name in ("wait", "timeout"):
        value = (case.query or {}).get(name)
        if isinstance(value, int | float) and 0.1 < value <= 300:
            case.query[name] = 0.1
    return case


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Keep every failure but the two kinds that are none.

    A revoked key is still shown, as revoked: who looks into what a key did must find it.
    """
    kind = type(failure).__name__
    if kind == "UseAfterFree":
        return not (case.path == "/v1/keys/{key_id}" and response.json().get("revoked_at") is not None)
    return kind != "RejectedPositiveData" or not is_expected(response)


def is_expected(response: Response) -> bool:
    """Whether a refused request is told of nothing but what ``REFUSED`` lists."""
    document = response.json()
    if response.status_code == 412:  # of the state, as are 404 and 409, which schemathesis knows
        return True
    said = [error["detail"] for error in document.get("errors", ())]
    said = said or [document.get("detail") or document.get("error", {}).get("message", "")]
    return all(any(re.search(rule, detail) for _, rule in REFUSED) for detail in said)
