"""A pixel classifier fitted on annotations: features, examples, the fit, the classifier."""
