"""Every notebook runs from top to bottom, in an empty folder."""

import os
from pathlib import Path

import pytest

CONTROLS = {  # what each prints beside the network's scores
    "captioning": "shuffled pictures",
    "classification": "without recurrence",
    "labelling": "without recurrence",
    "translation": "shuffled sentences",
    "painting": "mean picture",
    "reading": "random looks",
}
NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Jupyter's own
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(notebook, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    content = nbformat.read(notebook, as_version=4)
    assert not any(cell.get("outputs") for cell in content.cells), "commit notebooks without outputs"
    client = nbclient.NotebookClient(content, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    client.execute()
    printed = "".join(o.get("text", "") for cell in content.cells for o in cell.get("outputs", []))
    assert CONTROLS[notebook.stem] in printed
    assert "captions have collapsed" not in printed
