"""The operations of MTurk's API."""
