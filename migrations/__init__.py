"""The schema's frozen history. Found in the installed package, with or without a checkout."""
