"""The verbs' own work. May import values, resources, codec, files, python_side, dotnet_side."""
