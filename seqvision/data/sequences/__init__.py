"""Sequences with a class or with labels for their frames: what is known of them, what reads them, batches of them."""
