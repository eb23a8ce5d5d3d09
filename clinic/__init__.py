"""What every service of the clinic agrees on. Imports none of the services."""
