"""Programs that prove the project. No wheel contains them."""
