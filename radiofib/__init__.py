"""radiofib: staging liver fibrosis with classical machine learning and radiomics."""
