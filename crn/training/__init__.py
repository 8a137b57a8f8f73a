"""Training a network, stage by stage."""
