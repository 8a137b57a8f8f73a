"""The evidence: from collected answers to tables, realism curves and a report."""
