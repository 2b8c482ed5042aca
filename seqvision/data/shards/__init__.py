"""Pictures and captions in tar files of a few thousand, for sets that no memory holds: `data=shards`.

    DIR/index.json          counts and hashes of all shards, and what they were made from
    DIR/train/00000.tar     WebDataset's layout: 000000000.jpg (the file as it was), 000000000.json (id, captions), …
    DIR/train/00000.jsonl   the shard's table: counts and hash, then a line a picture with its place in the tar

Why the `webdataset` library does not read them here: it deals out whole shards, so that neither processes nor workers
get equal shares, its order depends on the number of workers, and it cannot begin in the middle of an epoch. With the
table a picture's place is known, and the ordinary samplers do all three exactly. Other tools read the tars as usual.

`shard.py` opens one tar, `index.py` makes a set of them, `write.py` writes one, `verify.py` looks for damage.
"""

from seqvision.data.shards.index import ShardIndex, ShardRecords, is_sharded

__all__ = ["ShardIndex", "ShardRecords", "is_sharded"]
