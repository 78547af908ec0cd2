"""The factory: makes a manufacturer, and the identities of its devices."""
