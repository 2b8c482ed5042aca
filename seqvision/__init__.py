"""Recurrent networks that look: from a person's own pictures to captions, on one shared recurrent core.

Importing this package imports nothing heavy; torch comes in with the room that needs it.
"""

__version__ = "0.1.0"
