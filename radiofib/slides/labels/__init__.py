"""The class of each pixel: tiles read, labelled by a network or a classifier, stitched, kept."""
