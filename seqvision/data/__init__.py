"""Files in, named batches out: layouts of caption files, vocabulary, pictures, transforms, batches, the check report.

Whatever reads a user's files lives here, and nothing that knows a network or a configuration. Reading records and
building a vocabulary needs no torch; the names that do need it are imported when they are first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqvision.data.check import CheckReport, check_captions
from seqvision.data.check_sequences import check_sequences
from seqvision.data.formats import read_captions
from seqvision.data.pictures import list_pictures, read_image
from seqvision.data.records import CaptionRecord
from seqvision.data.splits import assign_splits
from seqvision.data.vocabulary import (
    END,
    PAD,
    START,
    UNKNOWN,
    SubwordVocabulary,
    Vocabulary,
    WordVocabulary,
    vocabulary_from_state,
)

if TYPE_CHECKING:
    from seqvision.data.augment_colour import ColourJitter, ColourOffsets
    from seqvision.data.augment_geometry import CropJitter, Mirror, PictureJitter
    from seqvision.data.augmentation import BatchAugmentation, FeatureNoise
    from seqvision.data.batches import CaptionBatch, CaptionSample, collate
    from seqvision.data.captions import CaptionData
    from seqvision.data.labelled.batches import PictureBatch
    from seqvision.data.labelled.compose import Composer
    from seqvision.data.labelled.files import read_labelled_pictures
    from seqvision.data.labelled.module import LabelledPictures
    from seqvision.data.labelled.reader import WholePictureReader
    from seqvision.data.labelled.svhn import read_svhn
    from seqvision.data.labelled.svhn_strings import read_svhn_strings
    from seqvision.data.module import RecordData
    from seqvision.data.parallel.module import NumberWords, ParallelData, ParallelFiles
    from seqvision.data.pulls import PullData
    from seqvision.data.sequences.batches import SequenceBatch
    from seqvision.data.sequences.classes import (
        read_clips,
        read_digits,
        read_idx,
        read_pictures,
        read_recordings,
        read_sentences,
    )
    from seqvision.data.sequences.formats.frame_table import read_frame_tables
    from seqvision.data.sequences.formats.motion import read_motion
    from seqvision.data.sequences.formats.mstcn import read_mstcn
    from seqvision.data.sequences.formats.videos import read_videos
    from seqvision.data.sequences.module import SequenceData
    from seqvision.data.sequences.readers.features import FeatureReader
    from seqvision.data.sequences.readers.pictures import PictureReader
    from seqvision.data.sequences.readers.text import TextReader
    from seqvision.data.sequences.readers.video import VideoReader
    from seqvision.data.sources import FileCaptions, SceneCaptions, ShardCaptions
    from seqvision.data.transforms import ImageTransform, TrainTransform

__all__ = [
    "CaptionRecord",
    "read_captions",
    "assign_splits",
    "check_captions",
    "CheckReport",
    "check_sequences",
    "PAD",
    "START",
    "END",
    "UNKNOWN",
    "Vocabulary",
    "WordVocabulary",
    "SubwordVocabulary",
    "vocabulary_from_state",
    "read_image",
    "list_pictures",
    "ImageTransform",
    "TrainTransform",
    "BatchAugmentation",
    "ColourJitter",
    "ColourOffsets",
    "CropJitter",
    "Mirror",
    "FeatureNoise",
    "CaptionBatch",
    "CaptionSample",
    "collate",
    "CaptionData",
    "FileCaptions",
    "SceneCaptions",
    "ShardCaptions",
    "RecordData",
    "SequenceData",
    "ParallelData",
    "NumberWords",
    "ParallelFiles",
    "PullData",
    "SequenceBatch",
    "PictureReader",
    "PictureBatch",
    "LabelledPictures",
    "WholePictureReader",
    "Composer",
    "PictureJitter",
    "read_labelled_pictures",
    "read_svhn",
    "read_svhn_strings",
    "TextReader",
    "FeatureReader",
    "VideoReader",
    "read_mstcn",
    "read_frame_tables",
    "read_videos",
    "read_motion",
    "read_clips",
    "read_recordings",
    "read_pictures",
    "read_digits",
    "read_idx",
    "read_sentences",
]

_NEEDS_TORCH = {
    "ImageTransform": "transforms",
    "TrainTransform": "transforms",
    "BatchAugmentation": "augmentation",
    "ColourJitter": "augment_colour",
    "ColourOffsets": "augment_colour",
    "CropJitter": "augment_geometry",
    "Mirror": "augment_geometry",
    "FeatureNoise": "augmentation",
    "CaptionBatch": "batches",
    "CaptionSample": "batches",
    "collate": "batches",
    "CaptionData": "captions",
    "FileCaptions": "sources",
    "SceneCaptions": "sources",
    "ShardCaptions": "sources",
    "RecordData": "module",
    "PictureBatch": "labelled.batches",
    "LabelledPictures": "labelled.module",
    "WholePictureReader": "labelled.reader",
    "Composer": "labelled.compose",
    "PictureJitter": "augment_geometry",
    "read_labelled_pictures": "labelled.files",
    "read_svhn": "labelled.svhn",
    "read_svhn_strings": "labelled.svhn_strings",
    "SequenceData": "sequences.module",
    "NumberWords": "parallel.module",
    "ParallelData": "parallel.module",
    "ParallelFiles": "parallel.module",
    "PullData": "pulls",
    "SequenceBatch": "sequences.batches",
    "PictureReader": "sequences.readers.pictures",
    "TextReader": "sequences.readers.text",
    "FeatureReader": "sequences.readers.features",
    "VideoReader": "sequences.readers.video",
    "read_mstcn": "sequences.formats.mstcn",
    "read_frame_tables": "sequences.formats.frame_table",
    "read_videos": "sequences.formats.videos",
    "read_motion": "sequences.formats.motion",
    "read_clips": "sequences.classes",
    "read_recordings": "sequences.classes",
    "read_pictures": "sequences.classes",
    "read_digits": "sequences.classes",
    "read_idx": "sequences.classes",
    "read_sentences": "sequences.classes",
}


def __getattr__(name: str) -> Any:
    """The exports that need torch, so that `seqvision data check --help` does not wait for it."""
    if name in _NEEDS_TORCH:
        return getattr(import_module(f"seqvision.data.{_NEEDS_TORCH[name]}"), name)
    raise AttributeError(f"module 'seqvision.data' has no attribute '{name}'")
