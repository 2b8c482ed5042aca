"""JSON, and the texts and labels in it: what is one, what is missing, and what is neither."""

import json
import math
from pathlib import Path
from typing import Any

from seqvision.data.core.text import read_text, whole_text
from seqvision.errors import UserError


def parse_json(text: str, name: str, advice: str, *, row: int | None = None) -> Any:
    """What a JSON text says.

    Args:
        text: one whole value.
        name: what the text is called in messages.
        advice: what to do about a text that is no JSON.
        row: where it stands in the file, if it is a line of it.

    Raises:
        UserError: for what is no JSON, nested too deeply, or holds a number of thousands of digits.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{name} row {error.lineno if row is None else row}"
        raise UserError(f"{where}: not valid JSON ({error.msg} at column {error.colno}). {advice}") from None
    except RecursionError:
        reason = "lists and objects are nested too deeply"
    except ValueError:
        reason = "a number has too many digits"
    raise UserError(f"{name if row is None else f'{name} row {row}'}: {reason}. {advice}")


def read_object(file: Path, advice: str) -> dict[str, Any]:
    """The object that a JSON file holds. Raises UserError, with what to do, for a file that holds anything else."""
    found = parse_json(read_text(file), str(file), advice)
    if not isinstance(found, dict):
        raise UserError(f"{file}: {found!r:.60}, expected an object. {advice}")
    return found


def is_missing(value: Any) -> bool:
    """Whether a value says that there is none: null, NaN, an empty list."""
    return value is None or value == [] or (isinstance(value, float) and math.isnan(value))


def json_text(value: Any, where: str, what: str) -> str | None:
    """The text that a value says, without space around it; None where it is missing: null, NaN, an empty list.

    A list of words is their sentence, a list with one text is that text. Numbers are as JSON writes them.

    Args:
        value: what JSON has there.
        where: the row, for messages.
        what: the name of the value, for messages.

    Raises:
        UserError: for an object, a list of anything else, infinity, and half of a surrogate pair.
    """
    if is_missing(value):
        return None
    if isinstance(value, str):
        return whole_text(value, where).strip()
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        sentence = what == "text" and all(word == "".join(word.split()) for word in value)
        if sentence or len(value) == 1:
            return whole_text(" ".join(value), where).strip()
    elif not isinstance(value, list | dict) and not (isinstance(value, float) and math.isinf(value)):
        return str(value)
    raise UserError(
        f"{where}: the {what} is {json.dumps(value):.80}, expected a text"
        f"{', or a list of words' if what == 'text' else ''}. Correct the row."
    )


def json_texts(value: Any, where: str, what: str) -> list[str | None]:
    """The texts of a value, or of each value of a list; see `json_text`."""
    return [json_text(each, where, what) for each in (value if isinstance(value, list) else [value])]
