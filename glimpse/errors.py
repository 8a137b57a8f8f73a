"""What goes wrong, in words for the person at the keyboard.

GlimpseError
├── ArgumentError        an argument of a Python function that it cannot take; also a TypeError
├── NothingLeftError     every judgment is excluded, or answers a sentinel
├── SubmissionError      an answer that is not what a page of ours sends   (glimpse.submission)
├── TurkError            what an endpoint of MTurk's protocol refuses      (mturk.publishing.client)
└── ...                  a class where somebody must tell one failure from another
"""


class GlimpseError(Exception):
    """A message that names the file or field, what was found, what is allowed and what to do.

    Its text reaches the user as it is. Everything that Glimpse raises on purpose is one of these, or an
    `OSError` that names a file.

    >>> try:
    ...     raise GlimpseError("results/: no assignments. Run collect first.")
    ... except GlimpseError as error:
    ...     print(error)
    results/: no assignments. Run collect first.
    """


class ArgumentError(GlimpseError, TypeError):
    """An argument that is wrong by itself, or a table with a wrong column: what was given, what to give."""


class NothingLeftError(GlimpseError):
    """Every judgment is excluded, or answers a sentinel."""
