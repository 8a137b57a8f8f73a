"""Registering a study in advance: what is planned, what it is expected to show, and the text that says so."""
