"""The catalogue of a clinic: services, schedules and sites, in MongoDB or from the configuration.

The only package that uses the collection `catalogues`.
"""
