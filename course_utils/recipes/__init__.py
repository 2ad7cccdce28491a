"""What a lesson and its study share, a file a study: so both speak of the same training."""
