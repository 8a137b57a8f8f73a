"""What goes wrong in `mturk`, in words for the person at the keyboard."""


class MTurkError(Exception):
    """A message that names the file or field, what was found and what is allowed."""
