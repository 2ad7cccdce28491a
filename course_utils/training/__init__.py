"""Training: one loop (`loop.fit`) for every network of the course, what it draws, optimises, records and keeps."""
