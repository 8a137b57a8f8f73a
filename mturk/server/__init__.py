"""Our own server, which speaks MTurk's protocol and serves the workers' pages."""
