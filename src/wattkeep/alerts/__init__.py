"""Rules against readings, and the incidents they open and close."""
