"""What reads the frames of a sequence, one file a kind of source."""
