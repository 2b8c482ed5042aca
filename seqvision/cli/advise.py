"""`seqvision advise`: which row of transfer suits the data, with the evidence and the command."""

import json
import shlex

from seqvision.cli.options import parser
from seqvision.cli.output import write_output
from seqvision.errors import UserError

DESCRIPTION = """Which of the four rows of transfer suits your data: how much there is to learn from, how much it is
like what the encoder learnt from, and what linear classifiers make of each of the encoder's stages.

The data are said as in training; without encoder=… it is efficientnet_lite0, whose weights come with pip:

  seqvision advise data=files data.path=my_pictures
  seqvision advise pattern=classification data=labelled_pictures data.path=my_pictures
  seqvision advise pattern=labelling data=videos data.path=my_clips --format json"""

ENCODER = "encoder=efficientnet_lite0"


def main(arguments: list[str]) -> int:
    """0; a `UserError` for data that no encoder looks at, or an encoder that has learnt nothing."""
    options = parser("advise", DESCRIPTION)
    options.add_argument("overrides", nargs="+", metavar="OVERRIDE", help="data=… data.KEY=VALUE …, as of train")
    options.add_argument("--pictures", type=int, default=600, metavar="N", help="looked at, at most (default 600)")
    options.add_argument("--device", default="auto", help="cpu, cuda, … (default: a GPU where there is one)")
    options.add_argument("--format", choices=("text", "json"), default="text")
    options.add_argument("--output", metavar="FILE", help="write there instead of to standard output")
    given = options.parse_args(arguments)
    if given.pictures < 20:
        options.error(f"argument --pictures: {given.pictures} are too few to say anything; 20 at least")

    from hydra import compose, initialize_config_dir

    from seqvision.cli.config import check_overrides, conf_dir
    from seqvision.cli.objects import instantiate
    from seqvision.cli.transfer import encoder_maker
    from seqvision.inference.checkpoint import find_device
    from seqvision.transfer import Transfer, advise
    from seqvision.transfer.rows import no_encoder

    own = [each for each in given.overrides if each.startswith("transfer=")]
    if own:
        raise UserError(f"advise {own[0]}: this is what the command finds out; leave it out")
    chosen = any(each.startswith(("encoder=", "experiment=")) for each in given.overrides)
    overrides = [*([] if chosen else [ENCODER]), *given.overrides]
    for asked in (given.overrides, overrides):  # first as it is: data that no encoder looks at are not given one
        check_overrides(asked, config_name="train")
        with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
            config = compose("train", overrides=[*asked, "augmentation=none", "run_dir=runs/advise"])
        if config.encoder is None or "_target_" not in config.encoder:
            raise no_encoder()
    make = encoder_maker(config)
    Transfer().check(make(stages=None))
    found = advise(make, instantiate(config.data), pictures=given.pictures, device=find_device(given.device))
    command = shlex.join(["seqvision", "train", f"transfer={found.row}", *overrides])
    text = json.dumps(found.to_dict(command), indent=2) if given.format == "json" else found.to_text(command)
    write_output(given.output, text)
    return 0
