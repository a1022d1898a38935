"""From face crops to a weights file. torch lives only here."""
