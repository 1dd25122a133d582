"""What is done at set times: listed, and begun by hand."""
