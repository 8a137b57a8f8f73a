"""MTurk's protocol: requests, signatures, errors and rules, without a database."""
