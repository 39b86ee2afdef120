"""Second floor: what each page shows. Pure functions from URL parameters and plain values to components."""
