"""The search for evidence: what is found here is checked by `evidence`."""
