"""The skills and items the model knows."""
