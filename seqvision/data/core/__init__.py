"""What every kind of data shares: the reading of text, of tables and of JSON lines, the listing of folders."""
