"""The settings by context; `platform.config.Settings` is all of them together."""
