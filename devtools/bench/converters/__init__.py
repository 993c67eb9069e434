"""How fast labels are converted, beside kili_formats."""
