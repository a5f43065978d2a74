"""The commands and the parts they share."""
