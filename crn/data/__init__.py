"""Label sets, label maps and datasets."""
