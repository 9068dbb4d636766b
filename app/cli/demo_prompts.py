"""What the demo asks its sub-agents; filled in with ``str.format`` by ``demo_graph``."""

from __future__ import annotations

REVIEW_FILE = (
    "Review the {language} source file {path} ({extent}), given as `source`. Say in one sentence what it is for. "
    "Then list your findings, most serious first: bugs, missing error handling, unclear or risky code, missing tests. "
    "Give the line number and the name for each, and say so when there is nothing to report. Markdown, no headings, "
    "at most 300 words."
)
MERGE_FILES = (
    "Merge the reviews of {count} files of {name} into one review: what the folder is for, how its files work "
    "together, and the findings that matter most, each with its file and line. Use only what the inputs say and keep "
    "their numbers. Markdown, no headings, at most 400 words."
)
REPORT_ON_CODE = (
    "Write the final report of a code review of {name} ({count} files) from the inputs: what the code does, its "
    "structure with a line per folder, the ten most important findings with file and line, and what to do first. Use "
    "only what the inputs say and keep their numbers. Markdown."
)

READ_DOCUMENT = (
    "Read {path} ({extent}), given as `text`. Say what it is, for whom and with what result, list the statements "
    "and figures that matter most, and what remains open. Use only the text. Markdown, no headings, at most 300 words."
)
READ_PART = (
    "Read part {part} of {parts} of {path}, given as `text`. List the statements and figures that matter most. "
    "Use only the text. Markdown, no headings, at most 400 words."
)
MERGE_PARTS = (
    "The inputs are notes on the {count} parts of {name}, in order. Merge them into one summary of the document: what "
    "it is, with what result, and the figures that matter most. Markdown, no headings, at most 400 words."
)
MERGE_DOCUMENTS = (
    "The inputs are summaries of {count} documents of {name}. Merge them: what they deal with, what they have in "
    "common, where they differ, each point with the document it comes from. Markdown, no headings, at most 500 words."
)
REPORT_ON_DOCUMENTS = (
    "Write the final report on the {count} documents of {name} from the inputs: what the collection is about, its main "
    "themes, a line for each of the most important documents, notable figures, and what remains open. Use only what "
    "the inputs say and keep their numbers. Markdown."
)

MERGE_GROUPS = (
    "The inputs are {count} merged reports on groups of {name}. Merge them into one, keeping the points that matter "
    "most, each with the file it comes from. Markdown, no headings, at most 500 words."
)
