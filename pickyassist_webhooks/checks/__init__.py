"""System checks of the settings, the URLs and the databases."""
