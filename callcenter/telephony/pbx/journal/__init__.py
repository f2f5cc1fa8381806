"""The journal on disk: its files, and the mark that the PBX was started."""
