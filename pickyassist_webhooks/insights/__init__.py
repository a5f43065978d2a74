"""Statistics, problems and exports of stored rows, for the admin and the API alike."""
