"""The native engine held against pyradiomics: regions, references and how the two are compared."""
