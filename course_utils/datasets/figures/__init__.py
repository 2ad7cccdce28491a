"""What the patterns are painted from: see `course_utils.datasets.patterns`."""
