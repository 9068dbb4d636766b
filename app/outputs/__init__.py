"""Model answers held against JSON Schemas: the adapter behind ``ports.output_schemas``.

Schemas and answers both come from outside, and a check runs beside hundreds of other agents. So the cost of every step
is bounded, and nothing is ever fetched. What was weighed (November 2026):

- jsonschema-rs 0.60 (MIT, no dependencies, 6 MB) checks that a schema is one and matches ``pattern``, in linear time.
  It does not walk the answer: there ``iter_errors`` takes 2^n steps for n levels of a recursive ``anyOf`` (16 levels:
  8 s), ``is_valid`` 2^n for a chain of n definitions that each name the next one twice, and neither can be
  interrupted. Its ``meta.validate`` fetches what ``$schema`` names, so it is not used.
- jsonschema 4 (with referencing) has the same 2^n without a budget, and matches with ``re``, which backtracks. The
  tests hold the walk here against it.
- json-repair 0.64 takes cubic time (1.5 s for 4,000 characters of one shape), fails with AssertionError on some texts,
  and keeps values that were cut off. ``repair`` reads the same usual faults in one pass and drops what was cut off.

``format``, ``contentEncoding`` and ``default`` say something about a value, as the specification has it; they are
neither checked nor filled in.
"""
