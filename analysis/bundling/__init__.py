"""A study as one file that others can rerun: made without anybody's id, checked, and reproduced."""
