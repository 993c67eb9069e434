"""Assets, labels and annotations one by one."""
