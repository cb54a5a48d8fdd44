"""What ``tscompat convert`` does; cli/convert.py parses its options.

May import values, resources, codec, files, python_side, dotnet_side.
"""
