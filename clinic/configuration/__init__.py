"""Fields and checks of settings. What is read, and from where, is in `clinic.config`."""
