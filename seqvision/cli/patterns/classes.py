"""Two models are compared on the same classes, whatever the order in which they have them."""

from seqvision.errors import UserError
from seqvision.inference.sequences import LoadedSequenceModel


def order_of(other: LoadedSequenceModel, own: LoadedSequenceModel, option: str) -> list[int]:
    """The places of the own classes among the other model's, which `option` names. Raises `UserError` where they know
    different ones."""
    differing = sorted(set(own.classes) ^ set(other.classes))
    if differing or (own.thresholds is None) != (other.thresholds is None):
        reason = f"'{differing[0]}' is known to one of the models only" if differing else "one has several a frame"
        raise UserError(f"{option} {other.path}: its classes are others ({reason}); take models of the same data")
    return [other.classes.index(name) for name in own.classes]
