"""What goes wrong before there is a peer. Imports nothing of ours."""


class BuildError(Exception):
    """The .NET project cannot be built or cannot run here; the message says what to do."""
