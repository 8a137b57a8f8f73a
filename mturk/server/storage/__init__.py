"""The server's database: one module a table or a few, and the rules by which their rows change."""
