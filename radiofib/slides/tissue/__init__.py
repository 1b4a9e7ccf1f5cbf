"""Where the tissue of a slide is: outlines, serial levels, artefacts, stain, core lengths."""
