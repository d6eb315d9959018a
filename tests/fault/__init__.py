"""Faults at random moments of a grading, for tests/faults.py."""
