"""Detectors from their parts: `mask_rcnn.MaskRCNN` in two stages, `yolact.YOLACT` in one, and what they are made of."""
