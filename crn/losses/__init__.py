"""What training minimises, and the feature networks that it compares in."""
