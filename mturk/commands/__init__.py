"""One file a command: its options, and the one function that it calls."""
