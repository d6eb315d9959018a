"""Submissions that attack the grading of them, with the score that each deserves. see ground.py and claims.py."""
