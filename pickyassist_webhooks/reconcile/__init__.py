"""Ask Picky Assist for reports that never arrived: the only outgoing calls of this app."""
