"""Rules against readings, the incidents they open and close, and who is told of them."""
