"""Run the checks of a caller: commands whose exit code confirms the work."""
