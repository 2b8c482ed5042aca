"""The one exception for what the user can mend."""


class UserError(Exception):
    """A message that says what was found, where, what was expected and what to do.

    The command line prints it without a traceback and exits with status 2.
    """
