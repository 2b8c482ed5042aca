"""Networks, one a file: plain torch.nn, without Lightning, configuration or files."""

from seqvision.models.captioner import Captioner, TeacherForced

__all__ = ["Captioner", "TeacherForced"]
