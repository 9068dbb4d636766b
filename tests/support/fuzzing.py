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
    # Of the store, the files and the configuration, which no document knows:
    ("names what does not exist", r"unknown (model|tool|role|dependency)|^no \w+ '|lists no task|the run has no task"),
    ("names a task of no request", r"is a task neither of|not a task of this"),
    ("names no file, or one without text", r"no text can be taken|no uploaded file|deleted meanwhile|matches no file"),
    ("of all that is named there is nothing", r"found no files|no file with text|there is no text"),
    ("a folder of the service that it may not have", r"the service has no workspace"),
    ("paths lead nowhere but into that folder", r"'\.\.' is not|not an absolute one|directories deep|of the workspace"),
    ("steps that a run has made already", r"steps are made already"),
    ("a model that reads no pictures, or has no price", r"reads text only|money is capped|has no price"),
    ("names that are taken by paths and ids", r"is reserved: it|is a path of this API|begins with fil_"),
    # Of one value, but beyond what JSON Schema has words for:
    ("64 bits, of any number at any depth of a free value", r"integer of at most 64 bits"),
    ("bytes of JSON, and how deep it goes", r"\d bytes; at most|more than \d+ bytes|nested (more|deeper) than"),
    ("multiples of a billionth: no float is one", r"nine decimals|9 decimal places|16 digits|a billionth of"),
    (
        "a URL that may be asked is more than text",
        r"not a URL|only http:// and|password is|port \d+ is|host name nor|percent",
    ),
    ("a data URI holds what it says it holds", r"base64|data URI"),
    ("printable characters are a table of Unicode", r"expected printable characters"),
    ("white space is a table of Unicode", r"expected more than white space|expected some words"),
    ("spellings of strategies are forgiven: a list would refuse what is taken", r"unknown aggregation strategy"),
    ("times from 1970 to 9999; in the future, within a year", r"expected a time (such as|within a year|to come)"),
    ("a cursor is good for the list that gave it out, with the same grouping", r"not a cursor that this list gave out"),
    ("names of files are relative paths", r"expected a relative path"),
    ("templates have a syntax", r"a brace that is meant as one|more than \d+ placeholders|a prompt of more than"),
    ("the name of a tool stands in one of several places", r"expected the name of a tool"),
    ("no database has a text with it", r"character NUL"),
    # Of several values together:
    ("exactly one kind of work", r"expected exactly one of|belongs to a goal|expected at least one task; or a goal"),
    ("one of two addresses", r"expected either to \(a task or sub-agent\) or topic"),
    ("the name in the path stands in the body, too", r"as in the path; leave it out"),
    (
        "a cap holds one call at least, which its price and its prompt tell",
        r"^one call (may|costs)|its sub-agent's budget",
    ),
    ("retries fit into the run's time", r"^the delays of \d+ retries"),
    ("the end of a range is not before its beginning", r"expected a day not before|is less than min_complexity"),
    ("what a template asks for is in the items", r"which the template asks for"),
    ("a parameter that goes with another", r"taken with versions=all only|send topic, too|\?name=|is the rest behind"),
    (
        "an option that goes with another",
        r"taken only with stream: true|has no use for it|not taken beside|another version",
    ),
    ("an option of a strategy", r"a majority is at least|needs a model|cannot be|is that of the merged"),
    ("null is as good as left out, but something is asked for", r"expected at least one of|^expected (max|a model|so)"),
    ("ids differ within a request", r"duplicate|are the same thing, but|depend on each other|(comes|named) twice"),
    (
        "a swarm takes less of a chat than a model",
        r"a swarm (has|takes)|expected a user message|expected a part of type",
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
