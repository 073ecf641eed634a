"""The hardware without hardware: a virtual meter, a virtual board, loads that feed them."""
