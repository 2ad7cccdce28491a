"""What happens after training: predictions for images of any size."""
