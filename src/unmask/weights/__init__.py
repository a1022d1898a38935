"""The ONNX files that ship, found by `importlib.resources`."""
