"""Parse input, call the application, print; signals and stdout live only here."""
