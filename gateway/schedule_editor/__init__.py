"""The staff pages to edit schedules and sites, with a preview of the affected appointments."""
