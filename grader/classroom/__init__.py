"""A class: an nbgrader course made from units, and what it needs to be graded the same way every time."""
