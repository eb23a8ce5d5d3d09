"""Setting fields and their validation. `clinic.config` defines the settings themselves."""
