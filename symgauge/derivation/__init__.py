"""From a module to its gauge algebra with a certificate, and the record that says it all."""
