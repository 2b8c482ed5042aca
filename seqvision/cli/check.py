"""`seqvision check`: what one should know before a long run, by the very overrides that would start it."""

import json

from seqvision.cli.options import number, parser, typed
from seqvision.cli.output import open_output, write_output
from seqvision.cli.trial import add_override_options, trial
from seqvision.files import expect_writable

DESCRIPTION = """What one should know before a long run. Takes what `seqvision train` would be given; writes no run.

  seqvision check                                              the default captioner
  seqvision check pattern=classification initialization=large  where its units end up
  seqvision check experiment=caption_scenes --page check.html  with histograms of every layer

The loss before training beside that of a network that knows nothing, a few items learnt by heart, what every layer puts
out and what gradient comes back, with dead and saturated units, how far a step moves each weight, what a rate ten times
lower or higher would do, where the time of a step goes, and advice. The exit status is 1 where something has to be
looked into. `seqvision rate` looks for the rate itself."""


def main(arguments: list[str]) -> int:
    """0, or 1 if the network does not learn a few items, or its loss is no number."""
    options = parser("check", DESCRIPTION)
    add_override_options(options)
    options.add_argument("--page", metavar="FILE", help="an HTML page with histograms and curves as well")
    options.add_argument("--figure", metavar="FILE", help="the histograms as a picture (.png, .svg, .pdf)")
    options.add_argument("--items", type=int, default=8, metavar="N", help="to learn by heart (default 8)")
    options.add_argument("--steps", type=int, default=300, metavar="N", help="to learn them in, at most (default 300)")
    options.add_argument("--seconds", type=number, default=25.0, metavar="S", help="to spend, about (default 25)")
    given = options.parse_intermixed_args(arguments)
    expect_writable(given.output, given.page, given.figure)

    from seqvision.checks import examine
    from seqvision.checks.report import activations, is_well, to_dict, to_text, write_page
    from seqvision.figures.save import save_image

    with trial(given.overrides, command="check", search=given.config_dir) as tried:
        found = examine(
            tried.learner,
            few=tried.few(given.items),
            batches=tried.batches,
            loader=tried.loader,
            device=tried.device,
            limit=given.seconds,
            steps=given.steps,
        )
    command = typed("check", arguments)
    if given.page:
        with open_output(given.page) as file:
            write_page(file, found, name=tried.name, command=command)
    if given.figure:
        save_image(activations(found.layers), given.figure)
    text = to_text(found, name=tried.name)
    if given.format == "json":
        text = json.dumps(to_dict(found, name=tried.name, command=command), indent=2)
    write_output(given.output, text)
    return 0 if is_well(found) else 1
