"""The error of a build, before any peer starts. Imports nothing of ours."""


class BuildError(Exception):
    """The .NET project cannot be built or cannot run here. The message has the reason and what to do."""
