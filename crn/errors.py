"""What goes wrong in `crn`, in words for the person at the keyboard."""


class CRNError(Exception):
    """A message that names the file or field, what was found and what is allowed."""
