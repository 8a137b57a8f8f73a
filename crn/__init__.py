"""The Cascaded Refinement Network: label maps in, photographic images out."""
