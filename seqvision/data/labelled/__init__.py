"""Pictures as they are, whole, with a label each: a class, or a string that is read symbol by symbol."""
