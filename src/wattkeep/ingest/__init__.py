"""A reading's way in: keys, decoding, the group-commit writer and the endpoint."""
