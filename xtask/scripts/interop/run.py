"""Where everything is, and how the command is run."""

import dataclasses
import pathlib
import subprocess


@dataclasses.dataclass
class Run:
    """The paths that `cargo xtask interop` hands over."""

    arcgis: pathlib.Path
    service: pathlib.Path
    repository: pathlib.Path
    work: pathlib.Path
    tally: pathlib.Path
    module: pathlib.Path

    @classmethod
    def of(cls, arguments):
        return cls(*(pathlib.Path(argument) for argument in arguments))

    @property
    def demo_data(self):
        return self.repository / "crates/arcgis-testkit/data"

    def folder(self, name):
        folder = self.work / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def export(self, url, out, *options, **more):
        """Exports a layer, and gives the finished process: exit code, standard output and errors."""
        return subprocess.run(
            [str(self.arcgis), "export", url, str(out), "--overwrite", "--quiet", *options],
            capture_output=True, text=True, timeout=300, **more,
        )
