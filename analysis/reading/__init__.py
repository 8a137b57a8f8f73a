"""From results folders to judgments."""
