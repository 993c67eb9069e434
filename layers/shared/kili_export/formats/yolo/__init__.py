"""YOLO v4, v5, v7 and v8."""
