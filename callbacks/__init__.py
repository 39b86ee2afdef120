"""Third floor: what each page does. Every module has `register(app, services)`."""
