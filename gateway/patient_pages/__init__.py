"""The pages of patients: one in each module."""
