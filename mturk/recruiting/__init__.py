"""Recruiting at a panel that has an API: price, draft, publish, match, approve, pay."""
