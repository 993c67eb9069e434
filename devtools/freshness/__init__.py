"""How soon a label is published where Kili cannot call the stack."""
