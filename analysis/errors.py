"""What goes wrong in `analysis`, in words for the person at the keyboard."""


class AnalysisError(Exception):
    """A message that names the file or field, what was found and what is allowed."""


class NothingLeftError(AnalysisError):
    """Every judgment is excluded, or a sentinel."""
