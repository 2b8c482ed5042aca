"""The layouts in which sequences and their labels lie on a disk, one file each: files in, records out."""
