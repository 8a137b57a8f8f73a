"""The study: its design, its page, its server, and the way from publishing to collected answers."""
