"""The words of the pages, in English and Spanish."""
