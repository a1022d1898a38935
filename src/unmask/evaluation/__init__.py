"""What a score file is worth: metrics, protocols, robustness. NumPy only."""
