"""What a segmentation is worth: scores of labels and of boundaries."""
