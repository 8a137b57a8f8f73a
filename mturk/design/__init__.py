"""What a study shows: contrasts, stimuli as workers get them, and the plan of its trials."""
