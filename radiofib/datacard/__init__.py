"""Data cards: documents that also load the data they describe."""
