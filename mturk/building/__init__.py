"""A study made of a design: its images encoded, its pages written, its folder frozen."""
