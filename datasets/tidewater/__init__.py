"""Tidewater: the generated data world of the course."""
