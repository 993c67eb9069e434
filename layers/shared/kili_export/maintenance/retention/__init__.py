"""What is kept and what is deleted: retention rules, deletion, purge."""
