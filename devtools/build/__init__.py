"""Builds the deployable application and checks what it consists of."""
