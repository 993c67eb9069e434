"""ZIP containers as bytes and plans, without reading or writing them."""
