"""Parallel text: sentences with their translations, from files of lines to named batches."""

from seqvision.data.parallel.batches import ParallelBatch, ParallelDataset, pad_sentences, parallel_batch
from seqvision.data.parallel.formats import read_parallel
from seqvision.data.parallel.module import NumberWords, ParallelData, ParallelFiles
from seqvision.data.parallel.numbers import number_words, write_numbers
from seqvision.data.parallel.records import ParallelText, SentencePair

__all__ = [
    "read_parallel",
    "ParallelText",
    "SentencePair",
    "ParallelData",
    "ParallelFiles",
    "NumberWords",
    "number_words",
    "write_numbers",
    "ParallelBatch",
    "ParallelDataset",
    "parallel_batch",
    "pad_sentences",
]
