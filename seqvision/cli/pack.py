"""`seqvision pack`: one file with a trained model, to hand on."""

from seqvision.cli.options import add_nonfinite_option, parser

DESCRIPTION = """One file with a trained model: its weights in safetensors, and in the header, as JSON, all else that
inference needs: format number, task, configuration, vocabulary or classes, preprocessing, scores and a digest. There is
no optimizer and no pickle in it. Every command takes it as a --checkpoint.

  seqvision pack runs/captioner/2026-01-31_12-00-00
  seqvision pack runs/captioner/2026-01-31_12-00-00/last.ckpt --output model.safetensors"""


def main(arguments: list[str]) -> int:
    """0 when the file is written."""
    options = parser("pack", DESCRIPTION)
    options.add_argument("run", help="the run's folder, or one of its checkpoints")
    options.add_argument("--output", metavar="FILE", help="default: model.safetensors in the run's folder")
    add_nonfinite_option(options)
    given = options.parse_args(arguments)

    from seqvision.inference.pack import pack

    written = pack(given.run, given.output, allow_nonfinite=given.allow_nonfinite)
    print(f"{written} ({written.stat().st_size / 1e6:.1f} MB)")
    return 0
