"""The page of a HIT."""
