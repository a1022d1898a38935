"""The REST API and the page it serves. Flask lives only here."""
