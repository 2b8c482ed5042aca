"""Exceptions that the command line knows: for what the user can mend, with checks that raise it, and for signals."""

import signal


class UserError(Exception):
    """A message that says what was found, where, what was expected and what to do.

    The command line prints it without a traceback and exits with status 2.
    """


class Stopped(SystemExit):
    """A signal ended the command: the command line prints the message and exits with 128 and the signal's number.

    hint: how to go on.
    """

    def __init__(self, signum: int, hint: str = ""):
        super().__init__(128 + signum)
        self.signum, self.hint = signum, hint

    @property
    def message(self) -> str:
        name = signal.Signals(self.signum).name
        return f"stopped by {name}; {self.hint}" if self.hint else f"stopped by {name}"


class SettingError(UserError):
    """A `UserError` about one value that a part was made with; who knows the part's key can put it before `setting`."""

    def __init__(self, setting: str, found: object, expected: str):
        said = "null" if found is None else str(found).lower() if isinstance(found, bool) else found
        super().__init__(f"{setting} is {said}; expected {expected}")
        self.setting, self.found = setting, found


def expect_counts(**settings: int) -> None:
    """Nothing, if all of the settings are 1 or more; else a `SettingError`."""
    for name, found in settings.items():
        if found < 1:
            raise SettingError(name, found, "1 or more")


def expect_shares(*, above_zero: bool = False, **settings: int | float) -> None:
    """Nothing, if all of the settings are from 0 to 1 (and above 0); else a `SettingError`."""
    for name, found in settings.items():
        if not 0 <= found <= 1 or (above_zero and found == 0):
            raise SettingError(name, found, "a share above 0, at most 1" if above_zero else "a share from 0 to 1")


def expect_above_zero(**settings: int | float) -> None:
    """Nothing, if all of the settings are above 0; else a `SettingError`."""
    for name, found in settings.items():
        if not found > 0:
            raise SettingError(name, found, "more than 0")
