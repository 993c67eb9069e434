"""What makes one machine enough: the local stack, the Kili stand-in, the command line."""
