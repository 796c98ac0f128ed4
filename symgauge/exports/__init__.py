"""Programs that torch exports, as graphs of torch's own."""
