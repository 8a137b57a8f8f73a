"""What is estimated from the judgments."""
