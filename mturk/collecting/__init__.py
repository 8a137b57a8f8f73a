"""From submitted assignments to results, approval and payment."""
