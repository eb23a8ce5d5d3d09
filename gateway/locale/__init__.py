"""The messages of the pages, in English and Spanish."""
