"""Scikit-learn estimators that turn features into stage probabilities."""
