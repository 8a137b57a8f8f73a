// ---- One image at a time: its style says how it looks; it needs nothing of its own.
