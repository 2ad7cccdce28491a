"""What `python3 course.py` does; standard library only, because it runs before anything is installed."""
