"""Planning a study: width, power and price."""
