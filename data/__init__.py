"""Ground floor: datasets, runs, feedback, jobs and the database. Imports nothing of the floors above."""
