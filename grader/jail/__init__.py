"""Processes, their limits and their ends. Knows nothing about notebooks."""
