"""The golden corpus (``cases/golden/``): files as each writer wrote them, to be read and written so for ever."""
