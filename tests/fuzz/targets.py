"""All readers of a user's files by name."""

import annotation_targets
import caption_targets
import picture_targets
import run_targets
import sequence_targets
from target import Target

TARGETS: dict[str, Target] = {
    **caption_targets.TARGETS,
    **sequence_targets.TARGETS,
    **picture_targets.TARGETS,
    **annotation_targets.TARGETS,
    **run_targets.TARGETS,
}
