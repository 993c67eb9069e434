"""Pictures: their sizes and kinds by their headers, their names as loaders take them."""
