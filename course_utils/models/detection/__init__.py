"""Detectors in two stages, from their parts: `mask_rcnn.MaskRCNN` and what it is made of."""
